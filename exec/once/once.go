// Package once runs a program once per key: the request and the response of the built-in effect mythos.once
// (spec/tools.md#once).
package once

import (
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/object"
)

// Tool is the tool of all programs that run once per key. The request names the program, so that a key stands for one
// program and one input (spec/tools.md#once).
var Tool = exec.BuiltinID("once")

// Request is the request of once. It needs the authority that a call of the program with this input would need.
type Request struct {
	Command object.Hash `can:"1,command"` // id of the program, which is a registered tool
	Input   []byte      `can:"2,input"`   // its standard input
}

// Output is the response of once: how the program ended, and its output.
type Output struct {
	Stdout Written  `can:"1,stdout"`
	Stderr Written  `can:"2,stderr"`
	Exit   uint64   `can:"3,exit"` // exit status; after a signal 128 and the signal's number
	Dir    string   `can:"4,dir"`  // the folder in which it ran
	Env    []string `can:"5,env"`  // names of the variables passed to it, ascending
}

// Written is a program's output on one of its streams.
type Written struct {
	Size uint64       `can:"1,size"` // bytes
	Head []byte       `can:"2,head"` // everything, if there is no blob; shorter than size if the rest could not be stored
	Blob *object.Hash `can:"3,blob"` // cid of the whole output, if it is longer than 256 KiB
}

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[Request]("OnceRequest", object.Rule{}),
	object.Define[Output]("OnceOutput", object.Rule{}),
	object.Define[Written]("Written", object.Rule{}),
}
