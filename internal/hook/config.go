package hook

// seconds is how long a harness may wait for the hook.
const seconds = 60

// command is one hook of a configuration, in the form of most harnesses.
type command struct {
	Name      string `json:"name,omitempty"`
	Type      string `json:"type"`
	Command   string `json:"command"`
	Timeout   int    `json:"timeout"`
	OnFailure string `json:"onFailure,omitempty"`
}

// group is the hooks for some tools; without a matcher, for all.
type group struct {
	Hooks []command `json:"hooks"`
}

func grouped(c command) []group { return []group{{[]command{c}}} }

type settings struct {
	Version int `json:"version,omitempty"`
	Hooks   any `json:"hooks"`
}

// Config returns what a person adds to the configuration of a harness: before and after are the commands for the events
// of their kind.
func (h *Harness) Config(before, after string) any {
	return settings{h.version, h.config(before, after)}
}

func claudeConfig(before, after string) any {
	then := grouped(command{Type: "command", Command: after, Timeout: seconds})
	return map[string][]group{
		"PreToolUse":  grouped(command{Type: "command", Command: before, Timeout: seconds, OnFailure: "block"}),
		"PostToolUse": then, "PostToolUseFailure": then,
	}
}

func codexConfig(before, after string) any {
	return map[string][]group{
		"PreToolUse":  grouped(command{Type: "command", Command: before, Timeout: seconds}),
		"PostToolUse": grouped(command{Type: "command", Command: after, Timeout: seconds}),
	}
}

func geminiConfig(before, after string) any {
	return map[string][]group{
		"BeforeTool": grouped(command{Name: "mythos", Type: "command", Command: before, Timeout: seconds * 1000}),
		"AfterTool":  grouped(command{Name: "mythos", Type: "command", Command: after, Timeout: seconds * 1000}),
	}
}

// cursorHook is a hook in Cursor's form.
type cursorHook struct {
	Command    string `json:"command"`
	Timeout    int    `json:"timeout"`
	FailClosed bool   `json:"failClosed,omitempty"`
}

func cursorConfig(before, after string) any {
	then := []cursorHook{{Command: after, Timeout: seconds}}
	return map[string][]cursorHook{"preToolUse": {{before, seconds, true}}, "postToolUse": then, "postToolUseFailure": then}
}

// denial is what Cursor reads if a call is refused.
type denial struct {
	Permission   string `json:"permission"`
	UserMessage  string `json:"user_message"`
	AgentMessage string `json:"agent_message"`
}

// Denial returns what the harness reads on standard output if a call is refused; nil: nothing.
func (h *Harness) Denial(text string) any {
	if !h.json {
		return nil
	}
	return denial{"deny", text, text}
}
