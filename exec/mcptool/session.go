package mcptool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mythos-project/mythos/internal/jsontext"
)

// Methods and their parameters.
const (
	discover    = "server/discover"
	initialize  = "initialize"
	callTool    = "tools/call"
	listTools   = "tools/list"
	listChanged = "notifications/tools/list_changed"

	modern = "2026-07-28" // the version that has no initialize
	older  = "2025-11-25" // the version that our initialize asks for

	metaVersion      = "io.modelcontextprotocol/protocolVersion"
	metaClient       = "io.modelcontextprotocol/clientInfo"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
	metaServer       = "io.modelcontextprotocol/serverInfo"
)

// olderVersions are valid versions in a server's answer to initialize.
var olderVersions = []string{older, "2025-06-18", "2025-03-26", "2024-11-05"}

// probeTime is how long a server may take to answer the probe for the newest version. A silent server is an older one:
// it is started again and sent initialize.
const probeTime = 3 * time.Second

// session is a link with an agreed protocol version.
type session struct {
	link    link
	version string
	tools   catalogue
	about   atomic.Pointer[jsontext.Fields] // the _meta of our own requests; nil: that of version
}

// params are the parameters of one of our own requests.
func (s *session) params(own jsontext.Fields) []byte {
	if about := s.about.Load(); about != nil {
		return params("", own, *about...)
	}
	return params(s.version, own)
}

// Version is the version by which this program identifies itself to servers and clients.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}

func clientInfo() []byte {
	return jsontext.Fields{item("name", jsontext.Text("mythos")), item("version", jsontext.Text(Version()))}.JSON()
}

func item(name string, raw []byte) jsontext.Member { return jsontext.Member{Name: name, Value: raw} }

// meta is the _meta of a request: own members and, since the version without initialize, the client and its version.
func meta(protocol string, own ...jsontext.Member) []byte {
	if protocol == modern {
		own = append(own, modernMeta([]byte("{}"))...)
	}
	return jsontext.Fields(own).JSON()
}

func modernMeta(capabilities []byte) jsontext.Fields {
	return jsontext.Fields{item(metaVersion, jsontext.Text(modern)), item(metaClient, clientInfo()), item(metaCapabilities, capabilities)}
}

// params are the parameters of a request: own members, and _meta.
func params(protocol string, own jsontext.Fields, ownMeta ...jsontext.Member) []byte {
	if m := meta(protocol, ownMeta...); m != nil {
		own = append(own, item("_meta", m))
	}
	return meta("", own...)
}

var (
	errNoName = errors.New("mcp server: it answers the probe with an error that names no request")
	errSilent = errors.New("mcp server: it does not answer the probe")
	errOlder  = errors.New("mcp server: it has no newer version of the protocol")
)

// probe asks for the newest version. errOlder means that initialize may follow on the same link; after any other error
// the state of the server is unknown.
func probe(ctx context.Context, l link, x *exchange) error {
	limited, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	a, err := l.ask(limited, x, discover, params(modern, nil))
	if err != nil {
		if ctx.Err() == nil && limited.Err() != nil {
			return errSilent
		}
		return err
	}
	list, err := jsontext.FieldsOf(a.result)
	if err != nil { // an error, or an unknown answer
		return errOlder
	}
	var versions []string
	if json.Unmarshal(list.Get("supportedVersions"), &versions) != nil || !slices.Contains(versions, modern) {
		return errOlder
	}
	l.agree(modern)
	return nil
}

// everything is the full list of client capabilities, to see even the tools that a server offers only to such a client.
const everything = `{"roots":{"listChanged":true},"sampling":{},"elicitation":{"form":{},"url":{}}}`

func (x *exchange) capabilities() []byte {
	if x.everything {
		return []byte(everything)
	}
	return []byte("{}")
}

// greet agrees on a version older than the newest one.
func greet(ctx context.Context, l link, x *exchange) (string, error) {
	a, err := l.ask(ctx, x, initialize, params("", jsontext.Fields{item("protocolVersion", jsontext.Text(older)),
		item("capabilities", x.capabilities()), item("clientInfo", clientInfo())}))
	if err != nil {
		return "", err
	}
	if a.err != nil {
		return "", fmt.Errorf("mcp server: it refuses initialize: %w", readError(a.err))
	}
	list, err := jsontext.FieldsOf(a.result)
	if err != nil {
		return "", fmt.Errorf("mcp server: its answer to initialize: %w", err)
	}
	agreed, ok := textOf(list.Get("protocolVersion"))
	if !ok || !slices.Contains(olderVersions, agreed) {
		return "", fmt.Errorf("mcp server: it speaks version %s of the protocol; the known versions are %q and %s", list.Get("protocolVersion"), olderVersions, modern)
	}
	l.agree(agreed)
	return agreed, l.tell(ctx, x, "notifications/initialized", nil)
}
