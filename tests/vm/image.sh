#!/bin/bash
# Build what tests/vm boots, and print the directory it lies in: vmlinuz, initrd.img, root.img.
# The directory's name is a hash of everything that goes into it, so a second call takes no time.
# Usage: image.sh CACHE PYTHON      (PYTHON: any interpreter with pip; the guest brings its own, Debian 12's 3.11)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=$1 python=$2

wanted=$("$python" -c '
import sys, tomllib
print("\n".join(tomllib.load(open(sys.argv[1], "rb"))["project"]["dependencies"]))' "$root/pyproject.toml")
key=$(echo "$wanted" | cat - "$here/image.sh" "$here/guest/agent.py" "$root/requirements.lock" | sha256sum | cut -c1-16)
out=$cache/$key
if [ -e "$out/root.img" ]; then
    echo "$out"
    exit
fi

packages=systemd,systemd-sysv,udev,dbus,kmod,dmsetup,e2fsprogs,iproute2,python3,python3-evdev
modules="dummy_hcd libcomposite usb_f_hid usb_f_acm virtio_pci virtio_blk virtio_console ext4 crc32c_generic
    evdev usbhid hid-generic xhci-pci ftdi_sio cdc-acm dm-mod"
initrd_modules="virtio_pci virtio_blk ext4 crc32c_generic"

mkdir -p "$cache"
work=$(mktemp -d -p "$cache")
trap 'rm -rf "$work"' EXIT
say() { echo "vm image: [$SECONDS s] $*" >&2; }

# The kiosk's dependencies come as a technician's pip would bring them, evdev apart: that is Debian's 1.6.1 here.
fetch_dependencies() {
    "$python" -m pip --disable-pip-version-check --quiet install --target "$work/dependencies" \
        --python-version 3.11 --implementation cp --only-binary=:all: --platform manylinux2014_x86_64 \
        --constraint "$root/requirements.lock" $wanted
    rm -rf "$work/dependencies/bin"
    say "dependencies"
}

# systemd, udev and Python; the kernel is fetched by the same apt, but only unpacked.
build_tree() {
    mmdebstrap --quiet --variant=minbase --include=$packages \
        --customize-hook='export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"; cd "$WORK"
            apt-get download "$(apt-cache depends linux-image-amd64 | sed -n "s/.*Depends: //p" | head -1)" >&2' \
        bookworm "$work/tree" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
    dpkg -x "$work"/linux-image-*.deb "$work/kernel"
    version=$(ls "$work/kernel/lib/modules")
    depmod -b "$work/kernel" "$version"
    cp "$work/kernel/boot/vmlinuz-$version" "$work/vmlinuz"
    say "Debian 12 with kernel $version"
}

files_of() { # MODULE…: the modules and what they need, in the order of loading
    local module
    for module in "$@"; do
        modprobe -S "$version" -d "$work/kernel" --show-depends "$module" | awk '$1 == "insmod" {print $2}'
    done | awk '!seen[$0]++'
}

install_modules() {
    local file
    for file in $(files_of $modules); do
        install -D -m 644 "$file" "$work/tree/lib/modules/${file#*/lib/modules/}"
    done
    cp "$work/kernel/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$work/tree/lib/modules/$version/"
    depmod -b "$work/tree" "$version"
    printf '%s\n' evdev virtio_console usbhid ftdi_sio cdc-acm dm-mod > "$work/tree/etc/modules-load.d/vm.conf"
}

# As systemd/README.md says, up to the project's own code, which comes at each run.
install_kiosk() {
    chroot "$work/tree" useradd --system --home-dir /var/lib/kiosk --shell /usr/sbin/nologin kiosk
    chroot "$work/tree" python3 -m venv --without-pip --system-site-packages /opt/kiosk
    cp -r "$work/dependencies/." "$work/tree/opt/kiosk/lib/python3.11/site-packages/"
    chroot "$work/tree" /opt/kiosk/bin/python -m compileall -q /opt/kiosk/lib /usr/lib/python3/dist-packages
    cat > "$work/tree/opt/kiosk/bin/kiosk" <<'S'
#!/opt/kiosk/bin/python
import sys
from kiosk.cli import main
sys.exit(main())
S
    chmod 755 "$work/tree/opt/kiosk/bin/kiosk"
    install -d -m 755 "$work/tree/etc/kiosk"
}

# A root shell waits on tty1: whatever a scanner types past the gate is executed, and seen.
configure() {
    local tree=$work/tree unit
    rm -rf "$tree"/usr/share/{doc,man,locale,info}/* "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/*
    echo vm > "$tree/etc/hostname"
    echo 'd0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0' > "$tree/etc/machine-id"
    echo '/dev/vda / ext4 defaults,noatime 0 1' > "$tree/etc/fstab"
    install -D -m 755 "$here/guest/agent.py" "$tree/opt/vm/agent.py"
    cat > "$tree/etc/systemd/system/agent.service" <<'U'
[Unit]
Description=The host's hand in this guest
After=systemd-udevd.service systemd-modules-load.service
[Service]
ExecStart=/opt/kiosk/bin/python /opt/vm/agent.py
Restart=always
[Install]
WantedBy=multi-user.target
U
    mkdir -p "$tree/etc/systemd/system/getty@tty1.service.d"
    cat > "$tree/etc/systemd/system/getty@tty1.service.d/shell.conf" <<'U'
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --noclear %I linux
U
    for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
            fstrim.timer; do
        systemctl --root="$tree" mask $unit 2> "$work/log"
    done
    systemctl --root="$tree" enable agent.service getty@tty1.service 2> "$work/log"
    systemctl --root="$tree" set-default multi-user.target > "$work/log" 2>&1
}

build_initrd() {
    local initrd=$work/initrd number=10 file
    mkdir -p "$initrd"/{bin,dev,new,modules}
    cp "$(command -v busybox)" "$initrd/bin/busybox"
    for file in $(files_of $initrd_modules); do
        cp "$file" "$initrd/modules/$number-$(basename "$file")"
        number=$((number + 1))
    done
    cat > "$initrd/init" <<'S'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*; do /bin/busybox insmod "$module"; done
until [ -b /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 -o rw,noatime /dev/vda /new
/bin/busybox mount --move /dev /new/dev
exec /bin/busybox switch_root /new /lib/systemd/systemd
S
    chmod 755 "$initrd/init"
    (cd "$initrd" && find . | cpio --quiet -o -H newc | gzip -1) > "$work/initrd.img"
}

export WORK=$work
fetch_dependencies
build_tree
install_modules
install_kiosk
configure
build_initrd
truncate -s 1G "$work/root.img"
mkfs.ext4 -q -F -d "$work/tree" "$work/root.img"
mkdir -p "$out"
mv "$work/vmlinuz" "$work/initrd.img" "$out/"
mv "$work/root.img" "$out/root.img" # last: it says that the rest is there
say "done"
echo "$out"
