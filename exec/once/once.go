// Package once says how a program is run once for a key: the request and the response of the
// built-in effect mythos.once (spec/tools.md#once).
package once

import (
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/object"
)

// Tool is the tool of a program that runs once for a key, whatever program it is: its
// request names the program, so that a key stands for one program and one input
// (spec/tools.md#once).
var Tool = exec.BuiltinID("once")

// Request is the request of once. It needs what a call of the program with this input
// would need.
type Request struct {
	Command object.Hash `can:"1,command"` // id of the program, which is a registered tool
	Input   []byte      `can:"2,input"`   // its standard input
}

// Output is the response of once: how the program ended, and what it wrote.
type Output struct {
	Stdout Written  `can:"1,stdout"`
	Stderr Written  `can:"2,stderr"`
	Exit   uint64   `can:"3,exit"` // exit status; 128 and the signal's number where a signal ended it
	Dir    string   `can:"4,dir"`  // the folder that it ran in
	Env    []string `can:"5,env"`  // names of the variables that it was given, ascending
}

// Written is what a program wrote to one of its streams.
type Written struct {
	Size uint64       `can:"1,size"` // bytes
	Head []byte       `can:"2,head"` // all of it, without a blob; shorter than size where the rest could not be kept
	Blob *object.Hash `can:"3,blob"` // cid of the whole, where that is longer than 256 KiB
}

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[Request]("OnceRequest", object.Rule{}),
	object.Define[Output]("OnceOutput", object.Rule{}),
	object.Define[Written]("Written", object.Rule{}),
}
