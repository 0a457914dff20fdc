// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Values that are nothing but bytes: what user memory can hold.
//!
//! The trait is safe: values are encoded field by field, little-endian, with no
//! padding, so no crate needs `unsafe` to put a Linux struct in user memory.

/// A value with a fixed layout of bytes.
pub trait Pod: Copy {
    /// Length of the encoding.
    const SIZE: usize;
    /// The value with this encoding; `bytes` holds at least [`Pod::SIZE`] bytes.
    fn from_bytes(bytes: &[u8]) -> Self;
    /// Writes the encoding; `bytes` holds at least [`Pod::SIZE`] bytes.
    fn to_bytes(self, bytes: &mut [u8]);
}

macro_rules! pod_integer {
    ($($int:ty)*) => {$(
        impl Pod for $int {
            const SIZE: usize = size_of::<$int>();
            #[inline]
            fn from_bytes(bytes: &[u8]) -> Self {
                let mut raw = [0; size_of::<$int>()];
                if let Some(bytes) = bytes.first_chunk() {
                    raw = *bytes;
                }
                Self::from_le_bytes(raw)
            }
            #[inline]
            fn to_bytes(self, bytes: &mut [u8]) {
                if let Some(slot) = bytes.first_chunk_mut() {
                    *slot = self.to_le_bytes();
                }
            }
        }
    )*};
}

pod_integer!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

impl<T: Pod, const N: usize> Pod for [T; N] {
    const SIZE: usize = T::SIZE * N;

    #[inline]
    fn from_bytes(bytes: &[u8]) -> Self {
        core::array::from_fn(|i| T::from_bytes(bytes.get(i * T::SIZE..).unwrap_or_default()))
    }

    #[inline]
    fn to_bytes(self, bytes: &mut [u8]) {
        for (value, slot) in self.into_iter().zip(bytes.chunks_exact_mut(T::SIZE.max(1))) {
            value.to_bytes(slot);
        }
    }
}

/// Defines a struct of [`Pod`] fields and makes it [`Pod`].
///
/// The fields follow each other without padding: write padding as a field. A
/// layout that `repr(C)` would pad does not compile.
///
/// ```
/// framework::pod_struct! {
///     /// `struct timespec`.
///     #[derive(Debug, Default)]
///     pub struct UserTimespec {
///         /// Seconds.
///         pub sec: i64,
///         /// Nanoseconds.
///         pub nsec: i64,
///     }
/// }
/// ```
#[macro_export]
macro_rules! pod_struct {
    ($($(#[$attr:meta])* $vis:vis struct $name:ident {
        $($(#[$field_attr:meta])* $field_vis:vis $field:ident : $type:ty),* $(,)?
    })*) => {$(
        $(#[$attr])*
        #[derive(Clone, Copy)]
        #[repr(C)]
        $vis struct $name {
            $($(#[$field_attr])* $field_vis $field: $type),*
        }

        impl $crate::mm::Pod for $name {
            const SIZE: usize = {
                let size = 0 $(+ <$type as $crate::mm::Pod>::SIZE)*;
                assert!(size == ::core::mem::size_of::<$name>(), "the struct has padding");
                size
            };

            #[allow(unused_assignments, unused_mut, unused_variables)]
            #[inline]
            fn from_bytes(bytes: &[u8]) -> Self {
                let mut at = 0;
                $(
                    let $field = <$type as $crate::mm::Pod>::from_bytes(
                        bytes.get(at..).unwrap_or_default(),
                    );
                    at += <$type as $crate::mm::Pod>::SIZE;
                )*
                Self { $($field),* }
            }

            #[allow(unused_assignments, unused_mut, unused_variables)]
            #[inline]
            fn to_bytes(self, bytes: &mut [u8]) {
                let mut at = 0;
                $(
                    $crate::mm::Pod::to_bytes(self.$field, bytes.get_mut(at..).unwrap_or_default());
                    at += <$type as $crate::mm::Pod>::SIZE;
                )*
            }
        }
    )*};
}

/// Runs `f` on a zeroed buffer of at least `T::SIZE` bytes, cut to that size.
///
/// # Panics
/// Does not compile for values above 4 KiB.
#[inline]
pub(super) fn with_buffer<T: Pod, R>(f: impl FnOnce(&mut [u8]) -> R) -> R {
    const { assert!(T::SIZE <= 4096, "too large for the stack") };
    #[inline]
    fn sized<const N: usize, R>(size: usize, f: impl FnOnce(&mut [u8]) -> R) -> R {
        let mut buffer = [0; N];
        f(buffer.get_mut(..size).unwrap_or_default())
    }
    match T::SIZE {
        0..=16 => sized::<16, R>(T::SIZE, f),
        17..=64 => sized::<64, R>(T::SIZE, f),
        65..=256 => sized::<256, R>(T::SIZE, f),
        257..=320 => sized::<320, R>(T::SIZE, f),
        321..=448 => sized::<448, R>(T::SIZE, f),
        449..=1024 => sized::<1024, R>(T::SIZE, f),
        _ => sized::<4096, R>(T::SIZE, f),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pod_struct! {
        #[derive(Debug, PartialEq)]
        struct Sample {
            a: u32,
            b: [u16; 2],
            c: i64,
        }
    }

    #[test]
    fn struct_round_trip() {
        let value = Sample { a: 0x0403_0201, b: [0x0605, 0x0807], c: -2 };
        let mut bytes = [0; Sample::SIZE];
        value.to_bytes(&mut bytes);
        assert_eq!(bytes[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(bytes[8..], (-2i64).to_le_bytes());
        assert_eq!(Sample::from_bytes(&bytes), value);
    }

    #[test]
    fn buffer_has_the_size_of_the_value() {
        assert_eq!(with_buffer::<[u8; 100], _>(|buffer| buffer.len()), 100);
        assert_eq!(with_buffer::<u64, _>(|buffer| buffer.len()), 8);
    }
}
