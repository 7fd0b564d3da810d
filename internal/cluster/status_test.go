package cluster

import (
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/object"
)

// TestWhyStuck: a task is stuck if no live process has it or may take it; one of a spawn is taken only by who works as
// its author.
func TestWhyStuck(t *testing.T) {
	const server, author, other = "here", "5b5b5b5b5b5b5b5b", "6c6c6c6c6c6c6c6c"
	spawn := object.SumText("a spawn")
	ofSpawn := task.Task{Author: author, Spawn: &spawn}
	had := ofSpawn
	had.Server = server
	for name, c := range map[string]struct {
		task   task.Task
		alive  string
		takers string // empty: nobody runs tasks
		why    string // empty: it is not stuck
	}{
		"anybody takes it":       {task.Task{Author: author}, "", other, ""},
		"nobody runs tasks":      {task.Task{Author: author}, "", "", "nobody runs tasks"},
		"its server runs it":     {task.Task{Server: server}, server, other, ""},
		"its server is gone":     {task.Task{Server: server}, "", other, "is gone"},
		"a spawn, its author":    {ofSpawn, "", author, ""},
		"a spawn, others":        {ofSpawn, "", other, "as agent 5b5b5b5b runs"},
		"a spawn, nobody":        {ofSpawn, "", "", "nobody runs tasks"},
		"a spawn is being run":   {had, server, other, ""},
		"a spawn, author's gone": {had, "", other, "as agent 5b5b5b5b runs"},
	} {
		s := &Status{}
		if c.takers != "" {
			s.Slots = 1
		}
		got := s.why(c.task, map[string]bool{c.alive: c.alive != ""}, map[string]bool{c.takers: c.takers != ""})
		if (got == "") != (c.why == "") || !strings.Contains(got, c.why) {
			t.Errorf("%s: %q, expected %q", name, got, c.why)
		}
	}
}
