#!/bin/bash
# A bare machine within the machine, as the first process of its namespaces: the disk is that of this one with a layer
# above that is thrown away, and everything that a site writes is empty. `machine.sh FOLDER`, where FOLDER/shared is seen
# inside as /shared.
set -eu
folder=$1
mount --make-rprivate /
ip link set lo up
mount --bind "$folder/shared" "$folder/shared"
mkdir "$folder/layers"
mount -t tmpfs tmpfs "$folder/layers"
mkdir "$folder/layers/"{upper,work,root}
root=$folder/layers/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/layers/upper,workdir=$folder/layers/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mkdir -p "$root/shared"
mount --bind "$folder/shared" "$root/shared"
for empty in etc/postgresql root run srv tmp var/backups var/lib/postgresql var/lib/redis var/log; do
    mkdir -p "$root/$empty"
    mount -t tmpfs tmpfs "$root/$empty"
done
chmod 1777 "$root/tmp"
chmod 700 "$root/root"
rm -rf "$root/var/lib/package-grids" "$root/etc/letsencrypt" "$root"/etc/systemd/system/package-grids*
cp "$folder/shared/stand_ins/"* "$root/usr/local/sbin/"
printf '[global]\nno-index = true\nfind-links = /shared/wheels\n' >"$root/etc/pip.conf"
printf '127.0.0.1 localhost packages.example.org other.example.org\n' >"$root/etc/hosts"
# As a first process has to, bash takes leave of the processes whose parents have ended.
exec chroot "$root" bash -c 'touch /shared/ready; while :; do sleep 3600 & wait; done'
