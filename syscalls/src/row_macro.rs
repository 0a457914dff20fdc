// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The macro that reads the rows of the system-call table.
//!
//! `syscall_table!` turns the rows of `table.rs` into the array that dispatch
//! indexes, the printers of the trace and the entries of the compatibility page.

/// Reads the rows; see `table.rs` for their form.
macro_rules! syscall_table {
    ($(
        $number:literal $name:ident $($handler:ident)::* ($($type:ty),*)
        $level:ident $(($detail:tt))? $restart:ident;
    )*) => {
        /// Every call that has a row, sorted by number.
        pub static ROWS: &[$crate::row::Row] = &[$(
            $crate::row::Row {
                number: $number,
                name: stringify!($name),
                level: $crate::row_macro::syscall_table!(@level $level $(($detail))?),
                restart: $crate::row::Restart::$restart,
                shown_after: false $(|| <$type as $crate::arg::FromArg>::SHOWN_AFTER)*,
                run: $crate::row_macro::syscall_table!(
                    @run $number $name $level $(($detail))?, [$($handler)::*], $($type),*),
                show: $crate::row_macro::syscall_table!(@show $level, $($type),*),
            },
        )*];
    };
    (@level Full) => { $crate::row::Level::Full };
    (@level Partial($missing:tt)) => { $crate::row::Level::Partial($missing) };
    (@level Stub($errno:tt)) => { $crate::row::Level::Stub(abi::Errno::$errno) };
    (@run $number:literal $name:ident Stub(ENOSYS), $($rest:tt)*) => {
        |_| {
            $crate::unserved::note_unserved($number, stringify!($name));
            $crate::row::Outcome::Return(-(abi::Errno::ENOSYS as i64))
        }
    };
    (@run $number:literal $name:ident Stub($errno:tt), $($rest:tt)*) => {
        |_| $crate::row::Outcome::Return(-(abi::Errno::$errno as i64))
    };
    (@run $number:literal $name:ident $level:ident $(($detail:tt))?, [$($handler:ident)::*], $($type:ty),*) => {
        |cx| {
            #[allow(unused_mut, unused_variables, reason = "a call without arguments")]
            let mut regs = cx.arguments();
            $crate::row_macro::syscall_table!(@call cx, regs, [$($handler)::*], [], $($type,)*)
        }
    };
    (@call $cx:ident, $regs:ident, [$($handler:ident)::*], [$($value:ident)*],) => {
        $crate::row::IntoOutcome::into_outcome($crate::calls::$($handler)::*($cx $(, $value)*))
    };
    (@call $cx:ident, $regs:ident, $handler:tt, [$($value:ident)*], $type:ty, $($rest:ty,)*) => {
        match <$type as $crate::arg::FromArg>::from_regs(&mut $regs) {
            Ok(value) => $crate::row_macro::syscall_table!(
                @call $cx, $regs, $handler, [$($value)* value], $($rest,)*),
            Err(error) => $crate::row::Outcome::from(error),
        }
    };
    (@show Stub, $($type:ty),*) => {
        |mut regs, line| $crate::row::show_raw(&mut regs, line)
    };
    (@show $level:ident, $($type:ty),*) => {
        |mut regs, line| {
            let _ = (&mut regs, &line);
            $($crate::row::show_arg::<$type>(&mut regs, line);)*
        }
    };
}

pub(crate) use syscall_table;
