package supervise

import "golang.org/x/sys/unix"

// parseMachine reads the calls that exist only on this machine.
func parseMachine(n *notification) (c change, ok bool) {
	a := n.data.args
	c.dir, c.path = unix.AT_FDCWD, a[0]
	switch n.data.nr {
	case unix.SYS_CHMOD:
		c.mode = uint32(a[1])
	case unix.SYS_CHOWN, unix.SYS_LCHOWN:
		c.what, c.uid, c.gid, c.noFollow = changeOwner, uint32(a[1]), uint32(a[2]), n.data.nr == unix.SYS_LCHOWN
	default:
		return c, false
	}
	return c, true
}
