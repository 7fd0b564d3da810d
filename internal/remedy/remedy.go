// Package remedy says what allows that which was refused for want of authority. Each front door
// shows it in words of its own: the command line, the MCP server, the status.
package remedy

import (
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/caps"
)

// Issue is the command that issues a capability. A person runs it.
func Issue(to, scope, ttl string) string {
	return "mythos cap issue --to " + ShellWord(to) + " --scope " + ShellWord(scope) + " --ttl " + ttl
}

// Grant is the command that gives an agent of `mythos agent add` more, such as "--tools" and
// "fs.read".
func Grant(agent string, flags ...string) string {
	words := []string{"mythos agent add", ShellWord(agent)}
	for _, f := range flags {
		words = append(words, ShellWord(f))
	}
	return strings.Join(words, " ") + " --ttl 1h"
}

// For is what to do about a refusal: the command that allows the use, where another capability
// helps. What was tried with somebody else's, with one that was taken back or has ended, or while
// it is frozen, is no reason to issue one: then the check knows best.
func For(err error, command string) string {
	var denied *caps.DeniedError
	if !errors.As(err, &denied) {
		return command
	}
	switch denied.Check {
	case caps.CheckHolder:
		return "only its holder uses a capability, with its own key; `mythos cap ls` lists those of this key"
	case caps.CheckRevocation, caps.CheckTrust, caps.CheckTime, caps.CheckFrozen, caps.CheckRate, caps.CheckApproval:
		return denied.Help
	}
	return command
}

var bareWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9._:/@+=,-]+$`) })

// ShellWord is a word as a shell takes it.
func ShellWord(word string) string {
	if bareWord().MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
