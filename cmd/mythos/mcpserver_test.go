package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// serveCounting is a server of the Model Context Protocol for the tests, written by hand: it says
// what no library says. In dir it keeps what it heard and how often its tool was called; files
// there tell it what to do.
func serveCounting(dir string) int {
	note(dir, "starts", "started\n")
	own := newReplica(dir)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	var mu sync.Mutex
	say := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(line)
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0
		}
		note(dir, "heard", line)
		var m struct {
			ID     json.RawMessage
			Method string
			Params json.RawMessage
		}
		if json.Unmarshal([]byte(line), &m) != nil || m.ID == nil || m.Method == "" {
			continue
		}
		if list := own.list(m.Method, m.Params); list != "" {
			say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"tools":%s}}`, m.ID, list))
		} else if m.Method == "tools/call" {
			go answerCounting(dir, m.Method, m.ID, m.Params, say)
		} else {
			answerCounting(dir, m.Method, m.ID, m.Params, say)
		}
	}
}

func answerCounting(dir, method string, id, params json.RawMessage, say func(string)) {
	reply := func(what string) { say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, id, what)) }
	mood, of, _ := strings.Cut(string(must2(os.ReadFile(filepath.Join(dir, "mood")))), " ")
	if of == method {
		switch mood {
		case "hang":
			note(dir, "hung", string(params)+"\n")
			return
		case "die":
			note(dir, "calls", "died\n")
			os.Exit(3)
		case "half":
			note(dir, "calls", "died\n")
			fmt.Print(`{"jsonrpc":"2.0","id":`, string(id), `,"result":{"content":[{"type":"te`)
			os.Exit(3)
		case "after":
			answer := reply
			reply = func(what string) {
				answer(what)
				os.Exit(0)
			}
		}
	}
	switch method {
	case "server/discover":
		reply(`"error":{"code":-32601,"message":"Method not found"}`)
	case "initialize":
		reply(`"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true},"tasks":{"list":{}},"more":{"n":1.0}},"serverInfo":{"name":"s","version":"1"}}`)
	case "tools/list":
		if list, err := os.ReadFile(filepath.Join(dir, "list")); err == nil {
			reply(`"result":{"tools":` + string(list) + `}`)
			return
		}
		description, err := os.ReadFile(filepath.Join(dir, "description"))
		if err != nil {
			description = []byte("counts")
		}
		hints := strings.TrimSpace(string(must2(os.ReadFile(filepath.Join(dir, "annotations")))))
		if hints != "" {
			hints = `,"annotations":` + hints
		}
		reply(fmt.Sprintf(`"result":{ "tools":[ {"name":"count","description":%q,"inputSchema":{"type":"object"},"x":1.0},{"name":"Echo","inputSchema":{}%s}],"later":1e400 }`, description, hints))
	case "tools/call":
		callCounting(dir, params, reply, say)
	case "die":
		os.Exit(3)
	default:
		for line := range strings.Lines(string(must2(os.ReadFile(filepath.Join(dir, "say"))))) {
			say(strings.TrimRight(line, "\n"))
		}
		reply(`"result":` + string(params))
	}
}

// must2 is a file's content; one that is not there is empty.
func must2(data []byte, _ error) []byte { return data }

func callCounting(dir string, params json.RawMessage, reply, say func(string)) {
	var call struct {
		Name      string
		Arguments json.RawMessage
		Meta      map[string]json.RawMessage `json:"_meta"`
	}
	_ = json.Unmarshal(params, &call)
	if call.Name == "Echo" {
		reply(`"result":{"content":[],"structuredContent":` + string(call.Arguments) + `,"price":1.50,"_meta":{"mythos/receipt":"forged","own":1.0}}`)
		return
	}
	note(dir, "calls", string(call.Meta["mythos/idempotencyKey"])+" "+string(call.Arguments)+"\n")
	if token := call.Meta["progressToken"]; token != nil {
		say(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":` + string(token) + `,"progress":1}}`)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "block")); err != nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	reply(`"result":{"content":[{"type":"text","text":"counted"}]}`)
}

func note(dir, name, line string) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(line)
		f.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
}
