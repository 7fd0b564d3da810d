package wrap

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/mythos-project/mythos/exec/patience"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// waiting tells a client that asked for progress what its call waits for at the gate. What the server says
// of its progress afterwards passes as it was written. Progress has to increase: the server's begins at 0 or
// above, and that of the gate stays below.
type waiting struct {
	end func()

	mu  sync.Mutex
	why string
}

const beat = 10 * time.Second

// waiting begins to tell; a token that is none has nobody told.
func (p *Proxy) waiting(token json.RawMessage) *waiting {
	w := &waiting{end: func() {}, why: "waits at the gate"}
	if jsontext.Kind(token) != '"' && !jsontext.IsNumber(token) {
		return w
	}
	began, n := time.Now(), 0
	w.end = patience.Every(cmp.Or(p.Beat, beat), func() bool {
		n++
		w.mu.Lock()
		text := fmt.Sprintf("%s, since %v", w.why, time.Since(began).Round(time.Second))
		w.mu.Unlock()
		var params, m jsontext.Fields
		params.Add("progressToken", token)
		params.Add("progress", strconv.AppendFloat(nil, -1/float64(n), 'g', -1, 64))
		params.AddText("message", text)
		m.AddText("jsonrpc", "2.0")
		m.AddText("method", "notifications/progress")
		m.Add("params", params.JSON())
		return p.write(m.JSON()) == nil
	})
	return w
}

func (w *waiting) say(why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.why = why
}
