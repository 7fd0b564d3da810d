package wrap

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// saying is the client's end.
type saying chan string

func (s saying) Write(line []byte) (int, error) {
	s <- string(line)
	return len(line), nil
}

// TestWaiting: a client that asked for progress is told again and again what its call waits for, with values that
// increase and stay below those of the server, and not any more when the server is asked.
func TestWaiting(t *testing.T) {
	t.Parallel()
	said := make(saying)
	p := &Proxy{Beat: time.Microsecond, out: said}
	for _, token := range []string{"", "null", "{}", "[1]", "true"} {
		p.waiting(json.RawMessage(token)).end() // it would block: nobody reads
	}
	w := p.waiting(json.RawMessage(`"p"`))
	last := -2.0
	for n := range 100 {
		var m struct {
			Method string
			Params struct {
				ProgressToken, Message string
				Progress               float64
			}
		}
		if err := json.Unmarshal([]byte(<-said), &m); err != nil {
			t.Fatal(err)
		}
		if m.Method != "notifications/progress" || m.Params.ProgressToken != "p" || m.Params.Progress <= last || m.Params.Progress >= 0 {
			t.Fatalf("%d: after %v comes %+v", n, last, m)
		}
		last = m.Params.Progress
		if n == 1 {
			w.say("waits for approval 1234")
		}
		if n > 2 && !strings.Contains(m.Params.Message, "waits for approval 1234, since ") {
			t.Fatal(m.Params.Message)
		}
	}
	done := make(chan bool)
	go func() { w.end(); close(done) }()
	for {
		select {
		case <-said: // one that was under way
			continue
		case <-done:
		}
		break
	}
	w.end()
	select {
	case line := <-said:
		t.Errorf("after the end: %s", line)
	default:
	}
}
