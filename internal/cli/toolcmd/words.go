package toolcmd

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

// toolWords describe a registration.
func toolWords(t *exec.Tool) []cmdutil.Word {
	m := &t.Module
	folder := map[string]string{"": "a new one", ".": "the caller's"}[m.Dir]
	if folder == "" {
		folder = m.Dir
	}
	if len(m.Argv) == 0 {
		folder = ""
	}
	words := []cmdutil.Word{
		{About: "name", Text: t.Name},
		{About: "kind", Text: exec.KindName(m.Kind)},
		{About: "confined", Text: m.Confinement},
		{About: "runs", Text: strings.Join(m.Argv, " ")},
		{About: "asks", Text: strings.TrimSpace(m.Method + " " + m.URL)},
		{About: "as", Text: m.Tool},
		{About: "through", Text: strings.Join(m.Interpreter, " ")},
		{About: "folder", Text: folder},
		{About: "variables", Text: strings.Join(append(append([]string{}, m.Caller...), m.Env...), " ")},
		{About: "reads", Text: strings.Join(m.Read, " ")},
		{About: "writes", Text: strings.Join(m.Write, " ")},
	}
	words = append(words, policyWords(t)...)
	if m.ModuleHash != nil {
		words = append(words, cmdutil.Word{About: "bytes", Text: m.ModuleHash.Short()})
	}
	for _, file := range m.Files {
		words = append(words, cmdutil.Word{About: "pinned", Text: file.Path + " " + file.Hash.Short()})
	}
	return words
}

// policyWords describe this repository's policy for a tool.
func policyWords(t *exec.Tool) []cmdutil.Word {
	repeats := "an attempt with unknown outcome is not repeated until an operator decides"
	if t.Policy.RetrySafe {
		repeats = "an attempt with unknown outcome may be repeated"
	} else if t.Policy.Probe != nil {
		repeats = "an attempt with unknown outcome is decided by the probe " + t.Policy.Probe.Short()
	}
	if t.Module.Kind == exec.KindDeclared {
		repeats = "nobody here runs it: its harness does, and declares the outcome"
	}
	words := []cmdutil.Word{{About: "repeats", Text: repeats}}
	for _, more := range []struct {
		is          bool
		about, text string
	}{
		{t.Policy.KeyFrom != "", "key", "the argument at " + t.Policy.KeyFrom + ", for a call without one"},
		{t.Policy.Reads, "read", "an agent's calls without a key are not registered"},
		{t.Policy.Cancellable, "cancels", "it is told when its client cancels"},
	} {
		if more.is {
			words = append(words, cmdutil.Word{About: more.about, Text: more.text})
		}
	}
	if t.Policy.Price > 0 {
		words = append(words, cmdutil.Word{About: "price", Text: fmt.Sprintf("%d per call, less what the tool says that it did not use", t.Policy.Price)})
	}
	return words
}
