// Package toolcmd holds the commands over tools.
package toolcmd

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/endpoint"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/exec/toolname"
	"github.com/mythos-project/mythos/exec/wasm"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/hook"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// New is `mythos tool`.
func New(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("tool", "What can be called: commands, wasm modules, endpoints, MCP tools", newAdd(f), newLs(f), newShow(f), newDefinition(f), newPolicy(f), newApprove(f), newRm(f), newBuild(f)), results)
}

type addOptions struct {
	toolbox.ToolSpec
	IsProcess bool
	IsMCP     bool
	WasmFile  string
	Header    []string
	ID        string
	Input     string // file with the schema of its request
	Output    string // and of its response
	In        string // the folder
	All       bool
	Timeout   cmdutil.Duration
}

func newAdd(f *cmdutil.Factory) *cobra.Command {
	o := &addOptions{}
	c := &cobra.Command{
		Use: "add NAME [flags] --process CMD... | --wasm FILE | --http URL | --mcp CMD... | --declared", Short: "Register a tool; prints its id",
		Long: "The id pins the implementation: another binary, other arguments or another sandbox are another tool. Everything\n" +
			"after --process or --mcp is the command; --mcp also takes a URL. A process is confined to the system's folders\n" +
			"and the paths that --read and --write name, without network, in a new folder. With --unconfined, it runs with\n" +
			"your rights, in the folder where you call it, with PATH, HOME and the like; their names are part of the id. What\n" +
			"runs for a peer always gets a new folder, and only the variables of --env. The program, the interpreter of a\n" +
			"script, and files that the arguments name are pinned: if one changes, the tool is refused. {/ptr} in the path or\n" +
			"query of --http stands for the scalar at that JSON pointer of the request; {+/ptr} may have slashes. The last\n" +
			"word of a header may name a secret, env:NAME or file:/path: it is read at the call and kept nowhere. The key is\n" +
			"sent as Idempotency-Key. A last line used tokens=N gpu_ms=N cost=N on standard error reports what a call used\n" +
			"(for HTTP, a header Mythos-Used; for MCP, mythos/used in _meta: tokens=N gpu_ms=N cost=N). What is 0 or unknown\n" +
			"may be left out. The server of --mcp is asked whether it has the tool. What it says about the tool (description,\n" +
			"schemas, annotations) is part of the id: a server that later says something else is not called. --description\n" +
			"and the schemas tell agents what any other tool does, takes and answers (mythos mcp serve); they are part of the\n" +
			"id, too. --declared is for a tool that a harness runs itself, HARNESS.TOOL, as in claude.Bash: `mythos hook`\n" +
			"decides before its calls, and records what the harness declares after them. With --retry-safe, an attempt with\n" +
			"unknown outcome is repeated. With --probe, the other tool is asked first: it gets the request,\n" +
			"MYTHOS_IDEMPOTENCY_KEY and MYTHOS_FENCE, and answers {\"happened\":true,\"response\":\"...\"} or {\"happened\":false}.\n" +
			"With neither, an operator decides (mythos ledger resolve).",
		Example: "  mythos tool add lines --retry-safe --unconfined --process wc -l\n" +
			"  mythos tool add hook --header 'Authorization: Bearer env:HOOK_TOKEN' --http 'https://example.org/hooks/{/name}'\n" +
			"  mythos tool add search --mcp https://example.org/mcp\n" +
			"  mythos tool add files --mcp-all --mcp mcp-server-filesystem /srv/files",
		Args: cmdutil.Args(1, -1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name = args[0]
			if o.IsMCP {
				o.MCP = args[1:]
			} else {
				o.Process = args[1:]
			}
			if c.Flags().Changed("dir") {
				o.Dir = &o.In
			}
			return runAdd(c.Context(), f, o)
		},
	}
	flags := c.Flags()
	flags.BoolVar(&o.IsProcess, "process", false, "the rest of the line is a command")
	flags.StringVar(&o.WasmFile, "wasm", "", "a WASI preview 1 module")
	flags.StringVar(&o.HTTP, "http", "", "the URL of an endpoint")
	flags.BoolVar(&o.IsMCP, "mcp", false, "the rest of the line is an MCP server: a command, or the URL of one")
	flags.StringVar(&o.MCPTool, "mcp-tool", "", "with --mcp: the tool's name at its server; NAME by default")
	flags.BoolVar(&o.All, "mcp-all", false, "with --mcp: register every tool of the server, as NAME.TOOL; prints an id and a name per line")
	flags.BoolVar(&o.NoCheck, "no-check", false, "with --mcp: do not ask the server whether it has the tool; its description and schemas are then not pinned")
	flags.BoolVar(&o.Declared, "declared", false, "a tool that a harness runs itself, HARNESS.TOOL (mythos hook)")
	flags.StringVar(&o.Method, "method", "", "with --http: GET, HEAD, POST (by default), PUT, PATCH or DELETE")
	flags.StringArrayVar(&o.Header, "header", nil, "with --http and --mcp: 'Name: value'; may be repeated")
	flags.StringArrayVar(&o.Hosts, "host", nil, "with --http and --mcp: a host that a redirect may lead to; may be repeated")
	flags.StringArrayVar(&o.Redirects, "redirect-path", nil, "with --http and --mcp: a path on the URL's own host that may get secrets after a redirect; may be repeated")
	flags.BoolVar(&o.RetrySafe, "retry-safe", false, "allow an attempt with unknown outcome to be repeated")
	flags.StringVar(&o.Probe, "probe", "", "another tool that finds out whether an attempt with unknown outcome happened")
	flags.UintSliceVar(&o.PermanentExits, "permanent-exit", nil, "exit statuses of failures that a retry cannot fix, as 2,3; --retry does not repeat them")
	flags.BoolVar(&o.Cacheable, "cacheable", false, "the response depends on the request alone")
	flags.BoolVar(&o.Unconfined, "unconfined", false, "let a process run with your own rights")
	flags.StringArrayVar(&o.Read, "read", nil, "a path that a confined process may read; may be repeated")
	flags.StringArrayVar(&o.Write, "write", nil, "a path that a confined process may write; may be repeated")
	flags.StringArrayVar(&o.Env, "env", nil, "pass on only these variables; +NAME: in addition to the usual ones; may be repeated")
	flags.StringVar(&o.In, "dir", "", "where a process runs: . is your folder at the call (the default if unconfined), '' a new one")
	flags.BoolVar(&o.TakesTree, "takes-tree", false, "with --process: the request is a tree, whose files the process may read in MYTHOS_IN")
	flags.BoolVar(&o.GivesTree, "gives-tree", false, "with --process: what it leaves in MYTHOS_OUT becomes a tree, whose id is the response")
	flags.BoolVar(&o.NoPin, "no-pin", false, "allow changes to files that the arguments of a process name")
	flags.StringArrayVar(&o.Runtimes, "runtime", nil, "let a confined process read what "+strings.Join(toolbox.Runtimes(), ", ")+" need; may be repeated")
	flags.BoolVar(&o.Replace, "replace", false, "change the policy of the same implementation under its other names, too")
	cmdutil.TextVar(flags, &o.Description, "description", "what the tool does, for agents; part of its id")
	flags.StringVar(&o.Input, "input-schema", "", "a file with the JSON Schema of its request, which is then JSON; part of its id")
	flags.StringVar(&o.Output, "output-schema", "", "a file with the JSON Schema of its response; part of its id")
	flags.StringVar(&o.ID, "id", "", "register under this id instead of the computed one")
	flags.Var(&o.Timeout, "timeout", "time limit of a call")
	return c
}

// implementation checks that exactly one is named.
func (o *addOptions) implementation() error {
	named := 0
	for _, given := range []bool{o.IsProcess, o.WasmFile != "", o.HTTP != "", o.IsMCP, o.Declared} {
		if given {
			named++
		}
	}
	if err := toolname.Check(o.Name); err != nil {
		return err
	}
	for _, text := range slices.Concat(o.Process, o.MCP, o.Header, o.Hosts, o.Redirects, o.Read, o.Write, o.Env, []string{o.HTTP, o.In, o.MCPTool}) {
		if !utf8.ValidString(text) {
			return clierr.Usagef("%q is not UTF-8, and a tool's registration is text", text)
		}
	}
	if named != 1 || o.IsProcess != (len(o.Process) > 0) || o.IsMCP != (len(o.MCP) > 0) {
		return clierr.Usagef("name one implementation: --process CMD..., --wasm FILE, --http URL, --mcp CMD... or --mcp URL, or --declared")
	}
	if (o.IsMCP || o.Declared) && (o.Description != "" || o.Input != "" || o.Output != "") {
		return clierr.Usagef("--description, --input-schema and --output-schema do not go with --mcp, whose server gives them, or with --declared")
	}
	if o.Declared {
		return o.declared()
	}
	if (o.HTTP == "" && o.Method != "") || (o.HTTP == "" && !o.IsMCP && len(o.Header)+len(o.Hosts)+len(o.Redirects) > 0) || (!o.IsMCP && (o.MCPTool != "" || o.NoCheck || o.All)) {
		return clierr.Usagef("--method, --header, --host and --redirect-path need --http; --mcp-tool, --mcp-all, --no-check, --header, --host and --redirect-path need --mcp")
	}
	if !o.IsProcess && (o.TakesTree || o.GivesTree) {
		return clierr.Usagef("--takes-tree and --gives-tree need --process")
	}
	if len(o.Header) > 0 {
		o.Headers = make(map[string]string, len(o.Header))
	}
	for _, h := range o.Header {
		name, value, ok := strings.Cut(h, ":")
		if _, twice := o.Headers[name]; !ok || twice {
			return clierr.Usagef("--header %q: expected 'Name: value', each name once", name)
		}
		o.Headers[name] = strings.TrimSpace(value)
	}
	return nil
}

// declared checks a tool that does not run here.
func (o *addOptions) declared() error {
	harness, _, _ := strings.Cut(o.Name, ".")
	if _, ok := hook.For(harness); !ok || o.Name == harness {
		return clierr.Usagef("--declared: %q: expected HARNESS.TOOL, with a harness of %s", o.Name, strings.Join(hook.Names(), ", "))
	}
	if o.RetrySafe || o.Cacheable || o.Probe != "" || o.Timeout > 0 || o.NoPin || len(o.PermanentExits)+len(o.Read)+len(o.Write)+len(o.Env)+len(o.Runtimes) > 0 || o.Unconfined || o.Dir != nil || o.ID != "" {
		return clierr.Usagef("--declared takes no other flags: the harness decides how and when the tool runs")
	}
	return nil
}

func runAdd(ctx context.Context, f *cmdutil.Factory, o *addOptions) error {
	if err := o.implementation(); err != nil {
		return err
	}
	for _, r := range o.Runtimes {
		if !slices.Contains(toolbox.Runtimes(), r) {
			return clierr.Usagef("--runtime %q: expected one of %s", r, strings.Join(toolbox.Runtimes(), ", "))
		}
	}
	if o.Unconfined && len(o.Runtimes) > 0 {
		return clierr.Usagef("--runtime is for a confined process: with --unconfined it may read whatever you may")
	}
	if o.RetrySafe && o.Probe != "" {
		return clierr.Usagef("give either --retry-safe or --probe: a tool that is safe to repeat needs no probe")
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	if o.WasmFile != "" {
		if o.Wasm, err = f.Read(o.WasmFile); err != nil {
			return err
		}
		if !bytes.HasPrefix(o.Wasm, []byte("\x00asm\x01\x00\x00\x00")) {
			return clierr.New(clierr.Invalid, "%s is not a WebAssembly module: it does not begin with \\0asm and version 1", o.WasmFile).On(o.WasmFile).
				With("`mythos tool build` makes one from Go sources")
		}
	}
	for _, schema := range []struct {
		file string
		to   *[]byte
	}{{o.Input, &o.InputSchema}, {o.Output, &o.OutputSchema}} {
		if schema.file != "" {
			if *schema.to, err = f.Read(schema.file); err != nil {
				return err
			}
		}
	}
	if o.ID != "" {
		id, err := object.ParseHash(o.ID)
		if err != nil {
			return clierr.Usagef("--id: %w", err)
		}
		o.ToolSpec.ID = &id
	}
	o.ToolSpec.Timeout = time.Duration(o.Timeout)
	for name, value := range o.Headers {
		if endpoint.LiteralSecret(name, value) {
			f.IO.Notef("everyone who may read the registration sees the value of header %s; if it is a secret, name it instead: '%s: env:NAME' or file:/path", name, name)
		}
	}
	if o.All {
		return addAll(ctx, f, n, o)
	}
	added, err := n.Toolbox.Add(ctx, o.ToolSpec)
	if errors.Is(err, object.ErrInvalid) { // the input, not the stored data
		return clierr.Usagef("%w", err)
	}
	if err := addFailed(err, o); err != nil {
		return err
	}
	for _, note := range added.Notes {
		f.IO.Notef("%s: %s", o.Name, note)
	}
	if o.IsMCP && !o.NoCheck && added.Tool.Module.Definition == nil {
		f.IO.Notef("the server does not list its tools: nobody knows whether it has %s, and nothing that it says about it is pinned", added.Tool.Module.Tool)
	}
	if len(added.Changed) > 0 {
		f.IO.Notef("the policy now also holds for %s", strings.Join(added.Changed, ", "))
	}
	return f.Emit(toolView(added.Tool), func() { f.IO.Printf("%s\n", added.Tool.ID) })
}

// addFailed adds the remedy to an error.
func addFailed(err error, o *addOptions) error {
	var server *toolbox.ServerError
	var none *mcptool.NoToolError
	switch {
	case errors.As(err, &server):
		return clierr.New(clierr.Tool, "%w", err).On(o.Name).With("check that the server runs by itself; --no-check registers the tool without asking it")
	case errors.As(err, &none):
		return clierr.New(clierr.NotFound, "%w", err).On(o.Name).With("--mcp-tool names the server's tool if it has another name here")
	case errors.Is(err, wasm.ErrModule):
		return clierr.New(clierr.Invalid, "%w", err).On(o.WasmFile).With("build it as a command: `mythos tool build`, or GOOS=wasip1 GOARCH=wasm go build")
	}
	return err
}

type view struct {
	Name      string       `json:"name"`
	ID        object.Hash  `json:"tool_id"`
	Kind      string       `json:"kind"`
	Module    *object.Hash `json:"module_hash,omitempty"`
	Argv      []string     `json:"argv,omitempty"`
	URL       string       `json:"url,omitempty"`
	MCPTool   string       `json:"mcp_tool,omitempty"`
	Defined   *object.Hash `json:"definition,omitempty"`
	Confined  string       `json:"confinement"`
	Takes     bool         `json:"takes_tree,omitempty"` // takes a folder instead of a request
	Gives     bool         `json:"gives_tree,omitempty"` // gives a folder instead of a response
	RetrySafe bool         `json:"retry_safe"`
	Cacheable bool         `json:"cacheable"`
	Probe     *object.Hash `json:"probe,omitempty"`
	Price     uint64       `json:"price,omitempty"`    // charge for a call
	KeyFrom   string       `json:"key_from,omitempty"` // place of the key for a call without one
	Cancels   bool         `json:"cancellable,omitempty"`
	Reads     bool         `json:"read,omitempty"`
}

func toolView(t exec.Tool) view {
	return view{t.Name, t.ID, exec.KindName(t.Module.Kind), t.Module.ModuleHash, t.Module.Argv, t.Module.URL, t.Module.Tool, t.Module.Definition, t.Module.Confinement, t.Module.TakesTree, t.Module.GivesTree, t.Policy.RetrySafe, t.Policy.Cacheable, t.Policy.Probe, t.Policy.Price, t.Policy.KeyFrom, t.Policy.Cancellable, t.Policy.Reads}
}

func newLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the registered tools", Example: "  mythos tool ls", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			var rows [][]ui.Cell
			err = n.Tools.List(c.Context(), func(t exec.Tool) error {
				if f.JSON {
					return f.Emit(toolView(t), nil)
				}
				rows = append(rows, []ui.Cell{{Text: t.Name, Meaning: ui.Name}, {Text: exec.KindName(t.Module.Kind)},
					{Text: t.Module.Confinement}, {Text: f.IO.Hash(t.ID.String()), Meaning: ui.Dim}})
				return nil
			})
			var dangling *exec.DanglingError
			if !f.JSON && (err == nil || errors.As(err, &dangling)) {
				f.IO.Table([]string{"name", "kind", "confined", "id"}, rows)
			}
			if errors.As(err, &dangling) {
				return clierr.New(clierr.Invalid, "%w", err).On(dangling.Names[0]).With("forget it: mythos tool rm " + dangling.Names[0])
			}
			return err
		},
	}
}

func newShow(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "show TOOL", Short: "Print a tool's registration", Example: "  mythos tool show wc", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			t, err := n.Tools.Find(c.Context(), args[0])
			if err != nil {
				return err
			}
			if f.IO.OutTTY && !f.JSON {
				f.IO.Printf("Tool %s\n", t.ID)
				f.Words(toolWords(&t))
				return nil
			}
			raw, err := can.Marshal(&t)
			if err != nil {
				return err
			}
			return f.EmitObject("Tool", raw)
		},
	}
}

func newRm(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME", Short: "Forget a name, and with its last name the tool; receipts stay", Example: "  mythos tool rm wc", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			others, err := n.Tools.Remove(c.Context(), args[0])
			if err == nil && len(others) > 0 {
				f.IO.Notef("the tool stays registered as %s", strings.Join(others, ", "))
			}
			return err
		},
	}
}
