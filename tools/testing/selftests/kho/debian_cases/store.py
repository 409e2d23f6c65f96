# SPDX-License-Identifier: GPL-2.0
"""systemd from 261 on, as it is, keeps what services have in their descriptor stores over each
`kho kexec`: a memfd; and, from 262 on, a session of LUOSession=, with a memfd in it."""

from common import say

SERVICES = {"held-memfd": "FileDescriptorStoreMax=2", "held-session": "LUOSession=session"}
UNIT = """[Unit]
Description={name}
[Service]
Type=oneshot
RemainAfterExit=yes
NotifyAccess=all
FileDescriptorStorePreserve=yes
{setting}
ExecStart=/usr/local/sbin/held {name}
[Install]
WantedBy=multi-user.target
"""
# It says in /run/NAME what the store had: "new", or whether it is the "same" as /srv/held.
HELD = r"""#!/usr/bin/perl
use strict;
use warnings;

my ($name) = @ARGV;
my @names = split /:/, $ENV{LISTEN_FDNAMES} // '';
my ($n) = grep { $names[$_] =~ /^(memfd|session)$/ } 0 .. $#names;
my $memfd_create = `uname -m` =~ /x86_64/ ? 319 : 279;
my ($PRESERVE, $RETRIEVE, $FINISH, $TOKEN) = (0xba40, 0xba41, 0xba42, 7);
$^F = 99;	# what exec() closes: nothing here

sub result { open my $f, '>', "/run/$name" or die; print $f "@_\n"; close $f or die }

sub compare {
	my ($fd) = @_;
	result(system("cmp /proc/$$/fd/$fd /srv/held >&2") ? 'differs' : 'same');
}

sub fill {
	my $title = 'held';
	my $fd = syscall($memfd_create, $title, 0);
	die "memfd_create: $!" if $fd < 0;
	system("cat /srv/held >/proc/$$/fd/$fd") and die;
	result('new');
	return $fd;
}

if ($name eq 'held-memfd') {
	if (defined $n) { compare(3 + $n); exit }
	exec 'systemd-notify', '--fd=' . fill(), '--fdname=memfd', '--ready';
}
die 'no session came' unless defined $n;
open my $session, '+<&=', 3 + $n or die "session: $!";
my $memfd;
my $arg = pack 'LlQ', 16, -1, $TOKEN;
if (ioctl $session, $RETRIEVE, $arg) {
	$memfd = (unpack 'LlQ', $arg)[1];
	compare($memfd);
	# Then it is an outgoing session again
	my $finish = pack 'LL', 8, 0;
	ioctl $session, $FINISH, $finish or die "FINISH: $!";
} else {
	warn "RETRIEVE_FD: $!";
	$memfd = fill();
}
$arg = pack 'LlQ', 16, $memfd, $TOKEN;
ioctl $session, $PRESERVE, $arg or die "PRESERVE_FD: $!";
"""


def install(guest):
    guest.must("head -c 3M /dev/urandom >/srv/held")
    guest.must(f"cat >/usr/local/sbin/held <<'END'\n{HELD}END\nchmod 755 /usr/local/sbin/held")
    for name, setting in SERVICES.items():
        guest.must(f"cat >/etc/systemd/system/{name}.service <<'END'\n"
                   f"{UNIT.format(name=name, setting=setting)}END")
    guest.must(f"systemctl daemon-reload && systemctl enable --now {' '.join(SERVICES)}")


def held(case, guest, when, what):
    for name in SERVICES:
        case.same(f"{when}: {name} is {what}", guest.sh(f"cat /run/{name}").out, what)
        case.same(f"{when}: {name} is in the store",
                  guest.sh(f"systemctl show -P NFileDescriptorStore {name}").out, "1")


def run(case):
    kernel = case.lab.packages.kernel
    with case.machine() as (guest, _):
        say(f"  {case.lab.name} store: " + guest.must("systemctl --version").splitlines()[0])
        case.with_kho(guest, "before")
        install(guest)
        held(case, guest, "before", "new")
        for step in range(1, 4):
            when = f"handover {step}"
            boot = guest.leave("kho kexec")
            case.up(guest, boot, "kexec", kernel, when)
            case.with_kho(guest, when)
            case.same(f"{when}: the sessions were accepted",
                      guest.sh("cat /sys/kernel/liveupdate/status").out, "accepted")
            # Crosses in what systemd has for itself in its session
            case.same(f"{when}: systemd has counted it",
                      guest.sh("systemctl show -P KExecCount").out, str(step))
            held(case, guest, when, "same")
