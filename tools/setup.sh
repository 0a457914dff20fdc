#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Installs what the targets of the Makefile need on a bare Debian or Ubuntu; does nothing when it is there.
#
#   tools/setup.sh [rust] [qemu] [busybox] [cc] [oracle] [gdb]     (default: rust qemu busybox cc)
#
# NACRE_TOOLCHAIN_CACHE may name a folder with archives of the Rust library source and of Debian's kernel; they are
# used instead of a download. Asks nothing; uses sudo only when not root.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:$HOME/.cargo/bin

readonly TARGET=x86_64-unknown-none
readonly CHANNEL=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
readonly TOOLS=$PWD/.toolchain
readonly ORACLE=$TOOLS/linux
cache=${NACRE_TOOLCHAIN_CACHE:-}
[ -z "$cache" ] || cache=$(cd "$cache" 2>/dev/null && pwd) || cache=

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Prints the path of the cached archive whose name matches $1, if there is one.
cached() {
    [ -n "$cache" ] || return 1
    local file
    for file in "$cache"/$1; do [ -f "$file" ] && { printf '%s\n' "$file"; return 0; }; done
    return 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# apt_install WHY PACKAGE…: installs Debian packages, or says how to.
apt_install() {
    local why=$1; shift
    have apt-get || die "$why is missing and there is no apt-get here; install your system's package for: $*"
    if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
        die "$why is missing and sudo wants a password; run: sudo apt-get install -y --no-install-recommends $*"
    fi
    say "installing $* (for $why)"
    local log; log=$(mktemp)
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >"$log" 2>&1; then
        as_root apt-get update >"$log" 2>&1 || true
        if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >"$log" 2>&1; then
            tail -n 15 "$log" >&2; rm -f "$log"
            die "apt-get could not install $*; run it by hand to see why"
        fi
    fi
    rm -f "$log"
}

need_cc() {
    have cc || have gcc || apt_install "a C compiler" gcc libc6-dev
    [ -e /usr/include/stdio.h ] || apt_install "the C library's headers" libc6-dev
}

need_rust() {
    have cargo || have rustup || die "Rust is missing; install rustup (https://rustup.rs, or: apt-get install rustup), then run make setup again"
    if ! rustc --version >/dev/null 2>&1; then toolchain; fi
    case $(rustc --version 2>/dev/null) in
        "rustc $CHANNEL "*) ;;
        *) toolchain ;;
    esac
    rustc --version 2>/dev/null | grep -q "^rustc $CHANNEL " ||
        die "rustc $CHANNEL is needed, here is: $(rustc --version 2>&1 | head -n 1); run: rustup toolchain install $CHANNEL"
    local lib
    lib=$(rustc --print sysroot)/lib/rustlib/$TARGET/lib
    has_std "$lib" && return
    if have rustup && timeout 120 rustup target add "$TARGET" >/dev/null 2>&1 && has_std "$lib"; then
        say "added std for $TARGET"
        return
    fi
    build_std "$lib"
}

has_std() { compgen -G "$1/libcore-*.rlib" >/dev/null && compgen -G "$1/liballoc-*.rlib" >/dev/null; }

# Gets the pinned toolchain, or gives its name to one of the same version that has another name here.
toolchain() {
    have rustup || return 0
    local name root
    for name in $(rustup toolchain list 2>/dev/null | awk '{print $1}'); do
        root=$(RUSTUP_TOOLCHAIN=$name rustc --print sysroot 2>/dev/null) || continue
        "$root/bin/rustc" --version 2>/dev/null | grep -q "^rustc $CHANNEL " || continue
        say "using the installed toolchain $name as $CHANNEL"
        rustup toolchain link "$CHANNEL" "$root" && return
    done
    say "installing the toolchain $CHANNEL"
    timeout 600 rustup toolchain install "$CHANNEL" --profile minimal --component clippy --component rustfmt >&2 || true
}

# Prints a folder that holds the library source of the pinned version.
library_source() {
    local sysroot archive
    sysroot=$(rustc --print sysroot)
    if archive=$(cached "rust-library-$CHANNEL.tar.*"); then
        mkdir -p "$TOOLS"
        tar -C "$TOOLS" -xf "$archive" && printf '%s\n' "$TOOLS/library"
    elif [ -f "$sysroot/lib/rustlib/src/rust/library/core/Cargo.toml" ]; then
        printf '%s\n' "$sysroot/lib/rustlib/src/rust/library"
    elif timeout 120 rustup component add rust-src >/dev/null 2>&1; then
        printf '%s\n' "$sysroot/lib/rustlib/src/rust/library"
    elif [ -f "/usr/src/rustc-$CHANNEL/library/core/Cargo.toml" ]; then
        printf '%s\n' "/usr/src/rustc-$CHANNEL/library"
    else
        return 1
    fi
}

# Builds core and alloc with the stable compiler and puts them into the sysroot.
build_std() {
    local lib=$1 source dummy
    source=$(library_source) ||
        die "std for $TARGET is missing: rustup cannot download it, and there is no library source of Rust $CHANNEL;
  either let rustup reach its server (rustup target add $TARGET), install the package rust-src of that version,
  or point NACRE_TOOLCHAIN_CACHE at a folder with rust-library-$CHANNEL.tar.xz"
    need_cc
    say "building core and alloc for $TARGET (half a minute)"
    dummy=$(mktemp -d)
    trap 'rm -rf "$dummy"' EXIT
    mkdir "$dummy/src"
    printf '[package]\nname = "dummy"\nversion = "0.0.0"\nedition = "2021"\n[lib]\n[workspace]\n' >"$dummy/Cargo.toml"
    printf '#![no_std]\nextern crate alloc;\n' >"$dummy/src/lib.rs"
    if ! (cd "$dummy" && env -u CARGO_ENCODED_RUSTFLAGS RUSTFLAGS=-Cembed-bitcode=yes RUSTUP_TOOLCHAIN="$CHANNEL" RUSTC_BOOTSTRAP=1 \
        __CARGO_TESTS_ONLY_SRC_ROOT="$source" CARGO_TARGET_DIR="$dummy/target" \
        cargo build --release -Zbuild-std=core,alloc,compiler_builtins \
        -Zbuild-std-features=compiler-builtins-mem --target "$TARGET" >"$dummy/log" 2>&1); then
        tail -n 15 "$dummy/log" >&2
        die "core and alloc for $TARGET did not build"
    fi
    [ -w "$(rustc --print sysroot)" ] && as_root() { "$@"; }
    as_root mkdir -p "$lib"
    as_root cp "$dummy"/target/$TARGET/release/deps/lib{core,alloc,compiler_builtins}-*.rlib "$lib/"
    rm -rf "$dummy" "$TOOLS/library"
    trap - EXIT
}

# QEMU: from the cache; from PATH if it is 11.1 or newer, whose plugins can play a TDX host; Debian's of the next
# release's backports, unpacked into .toolchain beside its own loader and libraries (nothing is installed); or an older
# one, which does for plain machines.
need_qemu() {
    local archive found
    compgen -G "$TOOLS/qemu-*/qemu-system-x86_64" >/dev/null && return
    if archive=$(cached "qemu-*-x86_64.tar.*"); then
        have xz || apt_install "xz" xz-utils
        mkdir -p "$TOOLS"
        tar -C "$TOOLS" -xf "$archive" || die "$archive does not unpack"
        say "using QEMU from $archive"
        return
    fi
    found=$(command -v qemu-system-x86_64) && { has_plugins "$found" || [ -e "$TOOLS/qemu-is-old" ]; } && return
    if have apt-get && have dpkg-deb; then
        say "fetching QEMU 11.1 or newer (about 40 MB)"
        local dir; dir=$(mktemp -d); chmod 755 "$dir"
        if fetch_qemu "$dir" >"$dir/log" 2>&1 && install_qemu "$dir/tree"; then rm -rf "$dir"; return; fi
        say "it cannot be had: $(tail -n 1 "$dir/log")"
        rm -rf "$dir"
    fi
    [ -n "$found" ] || apt_install QEMU qemu-system-x86
    have qemu-system-x86_64 || die "qemu-system-x86_64 is still missing"
    say "QEMU is older than 11.1: simulated TDX will not run; put a newer qemu-system-x86_64 into PATH for that"
    mkdir -p "$TOOLS"; touch "$TOOLS/qemu-is-old"
}

readonly QEMU_SUITE=trixie-backports

# Whether this QEMU is 11.1 or newer.
has_plugins() {
    local version; version=$("$1" --version 2>/dev/null | sed -n 's/.* version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
    set -- $version
    [ $# = 2 ] && { [ "$1" -gt 11 ] || { [ "$1" = 11 ] && [ "$2" -ge 1 ]; }; }
}

# Unpacks QEMU and all that it depends on into $1/tree, with package lists of its own.
fetch_qemu() {
    local dir=$1 mirror deb
    mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -E '/debian/?$' | head -n 1)
    [ -n "$mirror" ] || { echo "apt knows no Debian mirror"; return 1; }
    mkdir -p "$dir"/{state/lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d,etc/sources.list.d,tree}
    : >"$dir/status"
    for suite in "${QEMU_SUITE%-backports}" "$QEMU_SUITE"; do
        printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite"
    done >"$dir/etc/sources.list"
    local options=(-o Dir::State="$dir/state" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache"
        -o Dir::Etc="$dir/etc" -o Dir::Etc::parts="$dir/etc/apt.conf.d" -o APT::Architecture=amd64 -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update &&
        apt-get "${options[@]}" install -y --no-install-recommends --download-only -t "$QEMU_SUITE" qemu-system-x86 || return 1
    for deb in "$dir"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$dir/tree" || return 1; done
}

# Lays the unpacked packages out as .toolchain/qemu-VERSION.
install_qemu() {
    local root=$1 libraries=$1/usr/lib/x86_64-linux-gnu version place
    version=$(LD_LIBRARY_PATH='' "$root"/usr/lib64/ld-linux-x86-64.so.2 --library-path "$libraries" "$root/usr/bin/qemu-system-x86_64" --version |
        sed -n 's/.* version \([0-9.]*\).*/\1/p')
    [ -n "$version" ] || return 1
    place=$TOOLS/qemu-$version
    rm -rf "$place"; mkdir -p "$place"/{bin,lib,share/qemu}
    cp "$root/usr/bin/qemu-system-x86_64" "$place/bin/"
    cp -L "$libraries"/*.so* "$place/lib/"
    [ ! -d "$libraries/qemu" ] || cp -r "$libraries/qemu" "$place/lib/"
    find "$root/usr/share" \( -name '*.bin' -o -name '*.rom' \) -exec cp -L {} "$place/share/qemu/" \; 2>/dev/null || true
    cat >"$place/qemu-system-x86_64" <<'WRAPPER'
#!/bin/sh
# Runs this QEMU with its own loader and libraries, whatever the system's C library is.
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
export QEMU_MODULE_DIR="$here/lib/qemu"
exec "$here/lib/ld-linux-x86-64.so.2" --library-path "$here/lib" "$here/bin/qemu-system-x86_64" -L "$here/share/qemu" "$@"
WRAPPER
    chmod +x "$place/qemu-system-x86_64"
    has_plugins "$place/qemu-system-x86_64"
}

need_busybox() {
    # Debian's static build is what runs in the guest, so a dynamic busybox does not do.
    if ! [ -x /bin/busybox ] || ldd /bin/busybox >/dev/null 2>&1; then apt_install busybox busybox-static; fi
}

need_gdb() { have gdb || apt_install "the debugger" gdb; }

# Debian's stock cloud kernel, unpacked and not installed: $ORACLE/{vmlinuz,config,modules}.
need_oracle() {
    [ -s "$ORACLE/vmlinuz" ] && return
    have xz || apt_install "xz" xz-utils
    local archive dir
    rm -rf "$ORACLE"; mkdir -p "$ORACLE"
    if archive=$(cached "linux-*-cloud-amd64.tar.*"); then
        tar -C "$ORACLE" --strip-components=1 -xf "$archive"
    else
        have apt-get || die "the Linux kernel for make oracle comes from Debian's packages, and there is no apt-get here"
        dir=$(mktemp -d)
        chmod 755 "$dir"
        (cd "$dir" && apt-get download "$(cloud_kernel)" >/dev/null 2>&1) || die "apt-get could not download Debian's cloud kernel"
        dpkg -x "$dir"/linux-image-*.deb "$dir/tree"
        cp "$dir"/tree/boot/vmlinuz-* "$ORACLE/vmlinuz"
        cp "$dir"/tree/boot/config-* "$ORACLE/config"
        if [ -d "$dir/tree/usr/lib/modules" ]; then
            cp -r "$dir"/tree/usr/lib/modules/*/ "$ORACLE/modules"
        else
            cp -r "$dir"/tree/lib/modules/*/ "$ORACLE/modules"
        fi
        rm -rf "$dir"
    fi
    [ -s "$ORACLE/vmlinuz" ] || die "no kernel came out of the archive or package"
    say "the oracle kernel is in .toolchain/linux"
}

# Prints the name of the newest cloud kernel package, from the backports suite where the release has one.
cloud_kernel() {
    local found
    found=$(newest_cloud_kernel 6.12)
    if [ -z "$found" ]; then
        backports
        found=$(newest_cloud_kernel 6.12)
    fi
    [ -n "$found" ] || found=$(newest_cloud_kernel '[0-9]')
    [ -n "$found" ] || die "no linux-image-…-cloud-amd64 package is known to apt; run apt-get update, or use a Debian source"
    printf '%s\n' "$found"
}

newest_cloud_kernel() {
    apt-cache pkgnames linux-image-"${1%%[*}" 2>/dev/null | grep -E '^linux-image-[0-9.]+[^ ]*-cloud-amd64$' | grep -v unsigned | sort -V | tail -n 1
}

# Adds the release's backports suite, derived from the source that apt already has.
backports() {
    local sources=/etc/apt/sources.list.d suite
    suite=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    if [ -f "$sources/debian.sources" ] && [ -n "$suite" ] && ! grep -rqs "$suite-backports" "$sources" /etc/apt/sources.list; then
        sed "/^\$/q; s/^Suites:.*/Suites: $suite-backports/" "$sources/debian.sources" | as_root tee "$sources/$suite-backports.sources" >/dev/null
    fi
    as_root apt-get update >/dev/null 2>&1 || true
}

[ $# -gt 0 ] || set -- rust qemu busybox cc
for item in "$@"; do
    case $item in
        rust | qemu | busybox | cc | oracle | gdb) "need_$item" ;;
        *) die "unknown item $item; known: rust qemu busybox cc oracle gdb" ;;
    esac
done
