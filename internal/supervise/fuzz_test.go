package supervise

import (
	"reflect"
	"testing"
)

// FuzzPlan: a message to a supervisor is a whole plan, or refused.
func FuzzPlan(f *testing.F) {
	s := Spec{Path: "/bin/x", Argv: []string{"x", "y"}, Env: []string{"A=1"}, Dir: "/", Confine: true, Read: []string{"/r"}}
	f.Add(s.marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := unmarshal(b)
		if err != nil {
			return
		}
		again := Spec{Path: p.path, Argv: p.argv, Env: p.env, Dir: p.dir, Confine: p.confine, Read: p.reads, Write: p.writes, Deadline: p.deadline}
		q, err := unmarshal(again.marshal())
		q.landlock, q.alive, q.files = p.landlock, p.alive, p.files
		if err != nil || !reflect.DeepEqual(p, q) {
			t.Fatalf("%+v became %+v: %v", p, q, err)
		}
	})
}
