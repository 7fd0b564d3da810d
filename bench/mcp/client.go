package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// client asks a server, one request after another.
type client interface {
	// ask waits for the answer to a request, and returns its result.
	ask(method, params string) (json.RawMessage, error)
	close() error
}

const greeting = `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}`

type answer struct {
	ID     json.RawMessage
	Result json.RawMessage
	Error  json.RawMessage
}

func (a answer) checked() (json.RawMessage, error) {
	if a.Error != nil || bytes.Contains(a.Result, []byte(`"isError":true`)) {
		return nil, fmt.Errorf("refused: %s%s", a.Error, a.Result)
	}
	return a.Result, nil
}

// lines talks to a program over its standard input and output.
type lines struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	says bytes.Buffer
	last int
}

// starting starts a server and initializes it.
func starting(dir string, argv ...string) (*lines, error) {
	l := &lines{cmd: exec.Command(argv[0], argv[1:]...)}
	l.cmd.Dir, l.cmd.Stderr = dir, &l.says
	var err error
	if l.in, err = l.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	l.out = bufio.NewReaderSize(out, 1<<20)
	if err := l.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := l.ask("initialize", greeting); err != nil {
		return nil, errors.Join(err, l.close())
	}
	_, err = io.WriteString(l.in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	return l, err
}

func (l *lines) send(method, params string) error {
	l.last++
	_, err := fmt.Fprintf(l.in, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":%q,\"params\":%s}\n", l.last, method, params)
	return err
}

// next returns the next answer; other messages are skipped.
func (l *lines) next() (answer, error) {
	for {
		line, err := l.out.ReadBytes('\n')
		if err != nil {
			return answer{}, fmt.Errorf("%w: %s", err, l.says.String())
		}
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			return a, err
		}
		if a.ID != nil && (a.Result != nil || a.Error != nil) {
			return a, nil
		}
	}
}

// ask implements client.
func (l *lines) ask(method, params string) (json.RawMessage, error) {
	if err := l.send(method, params); err != nil {
		return nil, err
	}
	for {
		a, err := l.next()
		if err != nil || string(a.ID) == strconv.Itoa(l.last) {
			return a.Result, errors.Join(err, a.failed())
		}
	}
}

func (a answer) failed() error {
	_, err := a.checked()
	return err
}

// many makes n calls, callers of them at a time.
func (l *lines) many(n, callers int, params func() string) (time.Duration, error) {
	began := time.Now()
	sent := 0
	for ; sent < min(n, callers); sent++ {
		if err := l.send("tools/call", params()); err != nil {
			return 0, err
		}
	}
	for range n {
		a, err := l.next()
		if err = errors.Join(err, a.failed()); err != nil {
			return 0, err
		}
		if sent < n {
			sent++
			if err := l.send("tools/call", params()); err != nil {
				return 0, err
			}
		}
	}
	return time.Since(began), nil
}

// close implements client.
func (l *lines) close() error {
	_ = l.in.Close()
	if _, err := io.Copy(io.Discard, l.out); err != nil {
		return err
	}
	if err := l.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(l.cmd.Args, " "), err, l.says.String())
	}
	return nil
}

// web talks to an endpoint of the streamable HTTP transport.
type web struct {
	url, token, session string
	last                int
	stop                func() error
}

// ask implements client.
func (w *web) ask(method, params string) (json.RawMessage, error) {
	w.last++
	body, err := w.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, w.last, method, params))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(body)) {
		line = strings.TrimPrefix(line, "data: ")
		var a answer
		if json.Unmarshal([]byte(line), &a) == nil && a.ID != nil && (a.Result != nil || a.Error != nil) {
			return a.checked()
		}
	}
	return nil, fmt.Errorf("no answer in %q", body)
}

func (w *web) post(body string) ([]byte, error) {
	req, err := http.NewRequest(http.MethodPost, w.url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Mcp-Session-Id": w.session} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("HTTP %d: %s", res.StatusCode, text)
	}
	if given := res.Header.Get("Mcp-Session-Id"); given != "" {
		w.session = given
	}
	return text, err
}

// greet begins a session.
func (w *web) greet() error {
	if _, err := w.ask("initialize", greeting); err != nil {
		return err
	}
	_, err := w.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return err
}

// close implements client.
func (w *web) close() error { return w.stop() }

// reaching starts a server that says where it listens, or that listens where it was told to, and initializes it.
func reaching(dir, at, token string, argv ...string) (*web, error) {
	c := exec.Command(argv[0], argv[1:]...)
	c.Dir = dir
	says, err := c.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	w := &web{url: at, token: token, stop: func() error {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait() // it was told to end; how it ends does not matter
		return nil
	}}
	said := bufio.NewReader(says)
	if at == "" {
		line, err := said.ReadString('\n')
		_, host, ok := strings.Cut(strings.TrimSpace(line), "http://")
		if err != nil || !ok {
			return nil, errors.Join(err, fmt.Errorf("it says %q", line), w.stop())
		}
		w.url = "http://" + host
	}
	go func() { _, _ = io.Copy(io.Discard, said) }() // it ends with the process
	limit := time.Now().Add(time.Minute)
	for err = w.greet(); err != nil && time.Now().Before(limit); err = w.greet() {
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, nil
}
