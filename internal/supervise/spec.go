package supervise

import (
	"encoding/binary"
	"errors"
	"os"
	"time"
)

// ErrUnknown means that the supervisor was killed, or ended, before it said whether the program started. A program can
// kill it as its first action.
var ErrUnknown = errors.New("the supervisor ended before it said whether the program started")

// Spec is a program to run.
type Spec struct {
	Program *os.File   // what is executed
	Path    string     // where it was found, for messages
	Argv    []string   // argument zero and the arguments
	Env     []string   // all variables, NAME=value
	Dir     string     // the working directory, absolute
	Files   []*os.File // further descriptors of the program, from FirstFile up; at most 32
	// Stdin, Stdout and Stderr are the program's first three descriptors. All are needed.
	Stdin, Stdout, Stderr *os.File
	// Alive is held until the last of the family has ended; nil: there is nothing to hold.
	Alive *os.File
	// Deadline bounds the program's time even if nobody is left to stop it; 0: none.
	Deadline time.Duration
	// Confine runs the program in a Landlock domain with the paths Read and Write, and under a seccomp filter. A path
	// that does not exist grants nothing.
	Confine     bool
	Read, Write []string
}

// Messages to a supervisor are these bytes; msgRun is followed by a length of 4 bytes
// and the spec, and carries the descriptors.
const (
	msgRun    = 'R'
	msgSignal = 'S' // one more byte: the signal, for the program's group
	msgKill   = 'K' // the family
	msgHold   = 'H' // a number of 4 bytes; carries a lock to hold until the family has ended
	msgDrop   = 'D' // the number of a lock that need not be held any more
)

// Answers are one byte, a length of 4 bytes and a text; of msgEnded it is the wait
// status in decimal.
const (
	msgBegan  = 'B'
	msgFailed = 'F' // the program did not start
	msgEnded  = 'E' // the program, and all of its family
	msgLeft   = 'L' // the program ended; some of its family could not be killed
)

// maxSpec bounds a spec: more than any kernel accepts for arguments and variables.
const maxSpec = 16 << 20

// newest is the newest version of Landlock that is used.
var newest uint8 = 6

// Pretend makes this process use at most the given version of Landlock, as if its kernel were older, until end is
// called. It is for tests.
func Pretend(version uint8) (end func()) {
	was := newest
	newest = version
	return func() { newest = was }
}

var errSpec = errors.New("malformed message to a supervisor")

// marshal encodes the spec without its descriptors.
func (s *Spec) marshal() []byte {
	b := binary.AppendVarint(nil, int64(s.Deadline))
	b = append(b, flag(s.Confine), newest, flag(s.Alive != nil), byte(len(s.Files)))
	for _, text := range []string{s.Path, s.Dir} {
		b = appendText(b, text)
	}
	for _, list := range [][]string{s.Argv, s.Env, s.Read, s.Write} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, text := range list {
			b = appendText(b, text)
		}
	}
	return b
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// plan is a spec as the supervisor reads it.
type plan struct {
	deadline                 time.Duration
	confine, alive           bool
	landlock                 uint8 // the newest version to use
	files                    int
	path, dir                string
	argv, env, reads, writes []string
}

func unmarshal(b []byte) (p plan, err error) {
	r := &reader{b: b}
	p.deadline = time.Duration(r.varint())
	head := r.take(4)
	if r.bad {
		return p, errSpec
	}
	p.confine, p.landlock, p.alive, p.files = head[0] == 1, head[1], head[2] == 1, int(head[3])
	p.path, p.dir = r.text(), r.text()
	for _, list := range []*[]string{&p.argv, &p.env, &p.reads, &p.writes} {
		for n := r.uvarint(); n > 0 && !r.bad; n-- {
			*list = append(*list, r.text())
		}
	}
	if r.bad || len(r.b) > 0 || len(p.argv) == 0 {
		return p, errSpec
	}
	return p, nil
}

// reader reads what marshal wrote; bad reports that it was something else.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) text() string { return string(r.take(r.uvarint())) }

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if r.bad = r.bad || n <= 0; r.bad {
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if r.bad = r.bad || n <= 0; r.bad {
		return 0
	}
	r.b = r.b[n:]
	return v
}
