// Package kept makes the vectors about a repository's data: cells, and stored blobs.
package kept

import (
	"fmt"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/cell"
	"github.com/mythos-project/mythos/internal/conform/generate/vector"
	"github.com/mythos-project/mythos/object"
)

var orders = object.SumText("cell:orders")

func step(effect string, request any) vector.Fields {
	kind := map[string]string{"cell.append": "CellAppendRequest", "cell.read": "CellReadRequest", "cell.snapshot": "CellSnapshotRequest", "cell.policy": "CellPolicyRequest"}[effect]
	return vector.Fields{"effect": effect, "request": vector.View(kind, request)}
}

// with adds members to a step.
func with(s vector.Fields, more vector.Fields) vector.Fields {
	for k, v := range more {
		s[k] = v
	}
	return s
}

func event(kind uint32, key, data string) cell.Event {
	return cell.Event{Type: kind, Key: []byte(key), Data: []byte(data)}
}

func appended(events ...cell.Event) vector.Fields {
	return step("cell.append", &cell.AppendRequest{CellID: orders, Events: events})
}

func read(prefix string, from uint64) vector.Fields {
	return step("cell.read", &cell.ReadRequest{CellID: orders, KeyPrefix: []byte(prefix), From: from})
}

func state(prefix string, at *uint64, after string) vector.Fields {
	q := &cell.SnapshotRequest{CellID: orders, KeyPrefix: []byte(prefix), At: at}
	if after != "" {
		q.After = []byte(after)
	}
	return step("cell.snapshot", q)
}

// Cells append to cells and read them.
func Cells() *vector.Set {
	s := &vector.Set{Class: "cells", About: "effects on cells, one after the other, under root capabilities for reading and writing"}
	all := []scope.Scope{&scope.CellRead{CellID: orders}, &scope.CellWrite{CellID: orders, MaxEvents: scope.NoLimit32}}
	show := func(id string, scopes []scope.Scope, steps ...vector.Fields) {
		held := []string{}
		for _, what := range scopes {
			held = append(held, vector.Hex(vector.Issue(vector.Alice, vector.Alice, what, nil)[0].Raw))
		}
		s.Add(id, vector.Fields{"as": "alice", "at_us": vector.Start, "caps": held, "steps": steps})
	}
	two := appended(event(1, "a", "one"), event(2, "b", "two"))
	show("appends are numbered from 0", all, two, appended(event(1, "a", "three")), read("", 0))
	show("an append with a key is done once", all, with(appended(event(1, "a", "one")), vector.Fields{"key": "6b", "times": 2}), read("", 0))
	show("a key with another append", all, with(appended(event(1, "a", "one")), vector.Fields{"key": "6b"}), read("", 0))
	show("an expectation that holds, and one that does not", all, step("cell.append", &cell.AppendRequest{CellID: orders, Events: two2(), Expect: vector.Ptr(uint64(0))}),
		step("cell.append", &cell.AppendRequest{CellID: orders, Events: two2(), Expect: vector.Ptr(uint64(1))}), read("", 0))
	show("no events", all, appended())
	show("a key of 1024 bytes, and one of 1025", all, appended(event(1, long(1024), "")), appended(event(1, long(1025), "")))
	show("read from a number on, and by a prefix", all, appended(event(1, "order/1", ""), event(1, "order/2", ""), event(1, "refund/1", "")), read("", 1), read("order/", 1), read("x", 0), read("", 3), read("", 9))
	show("the state is of each key the newest event", all, appended(event(1, "b", "1"), event(1, "a", "2"), event(2, "b", "3"), event(1, "", "4")), state("", nil, ""), state("b", nil, ""), state("", nil, "a"))
	show("the state after some events", all, appended(event(1, "a", "1"), event(1, "a", "2")), state("", vector.Ptr(uint64(1)), ""), state("", vector.Ptr(uint64(0)), ""), state("", vector.Ptr(uint64(9)), ""))
	cellPages(func(id string, steps ...vector.Fields) { show(id, all, steps...) })
	cellAuthority(show, two)
	return s
}

func two2() []cell.Event {
	return []cell.Event{event(1, "a", "one"), event(2, "b", "two")}
}

func long(n int) string { return fmt.Sprintf("%0*d", n, 1) }

// cellPages are answers that hold only a part.
func cellPages(show func(id string, steps ...vector.Fields)) {
	show("1024 events are one answer", with(appended(event(1, "a", "")), vector.Fields{"times": 1024}), read("", 0))
	show("1025 events are two", with(appended(event(1, "a", "")), vector.Fields{"times": 1025}), read("", 0), read("", 1024))
	show("an answer ends with the event that makes it 4 MiB", with(appended(event(1, "", "")), vector.Fields{"times": 5, "zeros": 1 << 20}), read("", 0), read("", 4))
	show("an answer ends behind 16384 events that were looked at", with(appended(repeated(1024, event(1, "other", ""))...), vector.Fields{"times": 16}), appended(event(1, "key", "")), read("key", 0), read("key", 16384))
	var many []cell.Event
	for i := range 1024 {
		many = append(many, event(1, fmt.Sprintf("%04d", i), ""))
	}
	show("a state of 1025 keys is two answers", appended(many...), appended(event(1, "last", "")), state("", nil, ""), state("", vector.Ptr(uint64(1025)), "1023"))
	show("a snapshot that is kept changes no answer", step("cell.policy", &cell.PolicyRequest{CellID: orders, Every: 1}), appended(event(1, "a", "1")), appended(event(1, "b", "2")), state("", nil, ""), state("", vector.Ptr(uint64(1)), ""))
}

func repeated(n int, e cell.Event) []cell.Event {
	list := make([]cell.Event, n)
	for i := range list {
		list[i] = e
	}
	return list
}

// cellAuthority are capabilities that cover only a part.
func cellAuthority(show func(id string, scopes []scope.Scope, steps ...vector.Fields), two vector.Fields) {
	write := func(change func(*scope.CellWrite)) scope.Scope {
		w := &scope.CellWrite{CellID: orders, MaxEvents: scope.NoLimit32}
		change(w)
		return w
	}
	show("no capability", nil, two)
	show("another cell's capability", []scope.Scope{&scope.CellWrite{CellID: object.SumText("cell:other"), MaxEvents: scope.NoLimit32}}, two)
	show("a type that is not allowed", []scope.Scope{write(func(w *scope.CellWrite) { w.EventTypeAllow = []uint32{1} })}, two, appended(event(1, "a", "")))
	show("no type is allowed", []scope.Scope{write(func(w *scope.CellWrite) { w.EventTypeAllow = []uint32{} })}, appended(event(1, "a", "")))
	show("two events, and then none left", []scope.Scope{write(func(w *scope.CellWrite) { w.MaxEvents = 2 })}, two, appended(event(1, "a", "")))
	show("more events than there may be", []scope.Scope{write(func(w *scope.CellWrite) { w.MaxEvents = 1 })}, two)
	show("a prefix that is covered, and one that is not", []scope.Scope{&scope.CellWrite{CellID: orders, MaxEvents: scope.NoLimit32}, &scope.CellRead{CellID: orders, KeyPrefix: []byte("order/")}},
		appended(event(1, "order/1", ""), event(1, "refund/1", "")), read("order/", 0), read("order/1", 0), read("order", 0), read("", 0), state("order/", nil, ""), state("", nil, ""))
	show("writing is not reading", []scope.Scope{write(func(*scope.CellWrite) {})}, two, read("", 0))
}
