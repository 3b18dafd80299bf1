package emulink

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// device is what the TUN device of each namespace is called.
const device = "wan0"

// openTUN makes the device in the namespace that the thread is in, and returns
// what its packets are read from and written to. It goes with its descriptor.
func openTUN() (fd int, err error) {
	if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
		return -1, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(device)
	if err == nil {
		// No offload: every packet is one of the wire, and is lost by itself.
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return -1, errors.Join(fmt.Errorf("make the TUN device: %w", err), unix.Close(fd))
	}
	return fd, nil
}
