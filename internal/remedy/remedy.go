// Package remedy says how to allow something that was refused for lack of authority. The command line, the MCP server
// and the status each show it in their own words.
package remedy

import (
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/caps"
)

// Issue returns the command that issues a capability. A person runs it.
func Issue(to, scope, ttl string) string {
	return "mythos cap issue --to " + ShellWord(to) + " --scope " + ShellWord(scope) + " --ttl " + ttl
}

// Grant returns the command that gives an agent of `mythos agent add` more, for example "--tools" and "fs.read".
func Grant(agent string, flags ...string) string {
	words := []string{"mythos agent add", ShellWord(agent)}
	for _, f := range flags {
		words = append(words, ShellWord(f))
	}
	return strings.Join(words, " ") + " --ttl 1h"
}

// For returns what to do about a refusal: the command that allows the use, if another capability helps. It would not
// help if the capability was somebody else's, was revoked or has expired, or while it is frozen; in those cases the
// check itself gives the hint.
func For(err error, command string) string {
	var denied *caps.DeniedError
	if !errors.As(err, &denied) {
		return command
	}
	switch denied.Check {
	case caps.CheckHolder:
		return "only the holder of a capability can use it, with its own key; `mythos cap ls` lists those of this key"
	case caps.CheckRevocation, caps.CheckTrust, caps.CheckTime, caps.CheckFrozen, caps.CheckRate, caps.CheckApproval:
		return denied.Help
	}
	return command
}

var bareWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9._:/@+=,-]+$`) })

// ShellWord quotes a word for a shell.
func ShellWord(word string) string {
	if bareWord().MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
