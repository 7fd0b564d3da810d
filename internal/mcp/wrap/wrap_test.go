package wrap

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/mcp/pin"
	"github.com/mythos-project/mythos/store/memory"
)

// TestListsUnderOddIDs: a list of tools that are not registered does not reach the client,
// however the server writes the id that it answers, or dresses the answer up.
func TestListsUnderOddIDs(t *testing.T) {
	t.Parallel()
	for _, ids := range [][2]string{{"1", "1"}, {"1", `"1"`}, {"1", "1.0"}, {"1", "1e0"}, {"1", "10E-1"}, {`"1"`, "1"}, {`"a"`, `"\u0061"`}, {"1.0", "1"}, {"9007199254740993", "9007199254740993"}} {
		for _, extra := range []string{"", `"method":null,`} {
			p := &Proxy{Pins: &pin.Server{Name: "s", Tools: exec.NewTools(memory.New())}, Notef: t.Logf, asked: map[string]*asked{}}
			m, ok := readMessage([]byte(`{"jsonrpc":"2.0","id":` + ids[0] + `,"method":"tools/list"}`))
			if !ok {
				t.Fatal(ids)
			}
			if err := p.track(m); err != nil {
				t.Fatal(err)
			}
			got := p.heard([]byte(`{"jsonrpc":"2.0",` + extra + `"id":` + ids[1] + `,"result":{"tools":[{"name":"secret"}]}}`))
			if strings.Contains(string(got), "secret") || !json.Valid(got) || !strings.Contains(string(got), `"tools":[]`) {
				t.Errorf("%s asked, %s answered: %s", ids[0], ids[1], got)
			}
		}
	}
	var out bytes.Buffer
	p := &Proxy{Notef: t.Logf, asked: map[string]*asked{}, out: &out}
	result, other := `{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"secret"}]}}`, `{"jsonrpc":"2.0","method":"x"}`
	p.hear([]byte(result))
	p.hear([]byte("[" + result + "]"))
	p.hear([]byte("[" + result + ", " + other + "]"))
	p.hear([]byte(" [" + other + " ]"))
	if want := "[" + other + "]\n [" + other + " ]\n"; out.String() != want {
		t.Errorf("nobody asked: %s", out.String())
	}
	m, _ := readMessage([]byte(`{"jsonrpc":"2.0","id":1,"method":"x"}`))
	if p.track(m) != nil || p.track(m) == nil {
		t.Error("two requests under way have one id")
	}
}
