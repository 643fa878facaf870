# SPDX-License-Identifier: MIT
# Sourced by tests/run and tests/quickstart: Debian packages that they need.

packages_build="gcc libc6-dev meson ninja-build pkgconf python3 python3-jinja2 python3-jsonschema
    python3-yaml"
packages_test="binutils bsdextrautils clang clang-format curl dpkg-dev fish g++ git libclang-rt-dev mandoc mmdebstrap mypy
    python3-pytest python3-pytest-xdist rustc valgrind wrk xxd zsh"
packages_vm="cpio dpkg e2fsprogs qemu-system-x86 xz-utils zstd"
packages_cross="clang gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf gcc-i686-linux-gnu
    gcc-powerpc64le-linux-gnu gcc-riscv64-linux-gnu gcc-s390x-linux-gnu libc6-dev-arm64-cross
    libc6-dev-armhf-cross libc6-dev-i386-cross libc6-dev-ppc64el-cross libc6-dev-riscv64-cross
    libc6-dev-s390x-cross musl-tools qemu-user-static"
packages_drivers="btrfs-progs fio"
packages_programs="autoconf automake bison flex libboost-dev libfmt-dev libipc-run-perl libtool libzstd-dev make
    perl pkgconf strace util-linux uuid-dev"

# need_packages NAME...: installs those that are missing, or says so and stops.
need_packages() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $package"
    done
    [ -z "$missing" ] && return 0
    if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
        echo "These packages are missing:$missing" >&2
        if command -v apt-get >/dev/null; then
            echo "As root, run: apt-get install$missing" >&2
        else
            echo "Install what your distribution calls them, and run again." >&2
        fi
        exit 1
    fi
    echo "Installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt_log=$(mktemp)
    apt_shown apt_install $missing || { apt_shown apt-get update && apt_shown apt_install $missing; } || {
        cat "$apt_log" >&2
        rm -f "$apt_log"
        echo "apt-get could not install:$missing" >&2
        exit 1
    }
    rm -f "$apt_log"
}

# apt_shown COMMAND...: runs an apt command into $apt_log, and shows that it goes on.
apt_shown() {
    { "$@" 2>&1; echo "status $?"; } | {
        fetched=0 unpacked=0 set_up=0 status=1
        while IFS= read -r line; do
            printf '%s\n' "$line" >>"$apt_log"
            case $line in
            "Need to get "*) echo "  ${line%%. *}" ;;
            Get:*)
                fetched=$((fetched + 1))
                [ $((fetched % 20)) -ne 0 ] || echo "  $fetched files fetched" ;;
            "Unpacking "*)
                unpacked=$((unpacked + 1))
                [ $((unpacked % 20)) -ne 0 ] || echo "  $unpacked packages unpacked" ;;
            "Setting up "*)
                set_up=$((set_up + 1))
                [ $((set_up % 20)) -ne 0 ] || echo "  $set_up packages set up" ;;
            "status "*) status=${line#status } ;;
            esac
        done
        return "$status"
    }
}

# want_packages NAME...: the same, but goes on when they cannot be had.
want_packages() {
    (need_packages "$@") || echo "Going on without them: what needs them is skipped." >&2
}

# Waits for another apt-get instead of failing beside it, and takes nothing away:
# cross compilers and gcc-multilib exclude each other.
apt_install() {
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends --no-remove "$@" \
        </dev/null
}
