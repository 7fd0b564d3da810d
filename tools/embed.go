// Package tools holds the tools that mythos ships, as Go sources: programs that
// read a request from standard input and write the response to standard output.
// They use nothing but the standard library, no files, no clock and no random
// source, and give the same response to the same request on every machine, run
// natively or as WASI modules.
//
//	textstat   measures a file
//	scorer     finds the labels of a Go file
//	linear     trains and evaluates a hashed linear classifier
//	ngram      trains and evaluates a byte language model
//	wordvec    embeds a text; written in WebAssembly's text format, and shipped assembled
//
// Each is one package main in a folder of its own, and its package comment is the
// specification of its requests and responses. The sources are part of the binary,
// so that it can write them out and build them where Go is installed ([BuildArgs]).
package tools

import (
	"embed"
	"io/fs"
	"path"
	"slices"

	"github.com/mythos-project/mythos/tools/wordvec"
)

//go:embed textstat/*.go scorer/*.go linear/*.go ngram/*.go
var sources embed.FS

// Sources is the file system with the tools' sources: one folder per tool.
func Sources() fs.FS { return sources }

// Module returns the module of a tool that is shipped assembled; nil: the tool is built from source.
func Module(name string) []byte {
	if name == "wordvec" {
		return wordvec.Module
	}
	return nil
}

// Names returns the names of the tools that are built from Go, ascending.
func Names() []string { return []string{"linear", "ngram", "scorer", "textstat"} }

// Files returns the paths in Sources of a tool's source files, ascending. The error wraps fs.ErrNotExist if there is no
// such tool.
func Files(name string) ([]string, error) {
	if !slices.Contains(Names(), name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	files, err := fs.Glob(sources, path.Join(name, "*.go"))
	slices.Sort(files)
	return files, err
}

// GoMod is the go.mod to put next to the files of a tool, or above the folders of all of them, to build them outside
// this repository.
const GoMod = "module mythos.tools\n\ngo 1.26\n"

// BuildEnv returns the additional environment that the go command needs to build a module for any WASI runtime. It
// removes everything that could make the bytes depend on the machine.
func BuildEnv() []string {
	return []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=", "GOWASM=", "GOEXPERIMENT=", "GOWORK=off", "GO111MODULE=on"}
}

// BuildArgs returns the arguments of the go command that builds the package in the working directory to the file out.
// With the same toolchain and sources, the file has the same bytes on every machine.
func BuildArgs(out string) []string {
	return []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, "."}
}
