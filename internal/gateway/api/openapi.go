package api

import (
	_ "embed"
	"net/http"

	"github.com/mythos-project/mythos/internal/evidence"
	"github.com/mythos-project/mythos/internal/problem"
)

// document is generated from Operations by internal/docgen.
//
//go:embed openapi.json
var document []byte

func openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(document)
}

// Operation is a route as described in OpenAPI.
type Operation struct {
	Method, Path, ID     string
	Summary, Description string
	Bearer               bool // it takes one
	Params               []Param
	Body                 string // type of the request's body; empty: it has none
	BodyType             string // its media type
	Replies              []Reply
}

// Param is a text in the path or in a header.
type Param struct {
	In, Name, Description string
	Required              bool
}

// Reply is an answer.
type Reply struct {
	Status      int
	Description string
	Headers     []string // besides the usual ones
	Media       string
	Type        any // nil: any JSON
}

func problemReply(status int, description string, headers ...string) Reply {
	return Reply{status, description, headers, problem.MediaType, CallProblem{}}
}

// Operations lists everything that the service serves.
var Operations = []Operation{
	{
		Method: "post", Path: toolsPath + "{tool}", ID: "callTool", Bearer: true,
		Summary:     "Run a tool at the server, once per key",
		Description: "The first request with a key runs the tool and records its outcome with a signed receipt. Each later request with the same key and body is answered from the record. The tool runs to its end even if the connection is lost: ask again with the same key.",
		Params: []Param{
			{"path", "tool", "Its name, or its id.", true},
			{"header", "Idempotency-Key", `A string of RFC 9651, in quotes: "deploy-7". One key stands for one request.`, true},
			{"header", "Prefer", "wait=N (RFC 7240): wait N seconds for another request with the key; without it, 409 at once.", false},
		},
		Body: "The tool's request, byte for byte.", BodyType: "*/*",
		Replies: []Reply{
			{200, "What the tool answered, now or before.", nil, "application/json", Answer{}},
			problemReply(400, "The request is malformed."),
			problemReply(401, "The request shows no valid bearer.", "WWW-Authenticate"),
			problemReply(403, "The capability does not cover the call, or is used up, revoked or expired."),
			problemReply(404, "No such tool is registered."),
			problemReply(409, "Another request with the key is running.", "Retry-After"),
			problemReply(413, "The request is too large."),
			problemReply(422, "The key stands for another request."),
			problemReply(423, "The tool, the capability's agent or everything is frozen. Nothing happened."),
			problemReply(428, "People have to agree to the call first. Nothing happened; ask again with the same key."),
			problemReply(429, "Too many requests. Nothing happened.", "Retry-After"),
			problemReply(502, "The tool failed. The failure is recorded, and the key now stands for it."),
			problemReply(503, "Not now, or the tool did not start. Nothing happened.", "Retry-After"),
			problemReply(504, "Nobody knows whether it happened. The tool is not run again until somebody decides."),
		},
	},
	{
		Method: "post", Path: verifyPath, ID: "verifyReceipt", Summary: "Check a receipt, or evidence of one, against the server's trust",
		Description: "Anybody may ask. What is not intact gets a verdict, too.",
		Body:        "A receipt, an evidence bundle, an in-toto envelope, or one line of an evidence file; at most 4 MiB.", BodyType: "*/*",
		Replies: []Reply{
			{200, "The two verdicts, as `mythos receipt verify --json` gives them.", nil, "application/json", evidence.Verdict{}},
			{400, "The body holds many receipts.", nil, problem.MediaType, problem.Problem{}},
			{413, "The body is too large.", nil, problem.MediaType, problem.Problem{}},
			{429, "Too many requests.", []string{"Retry-After"}, problem.MediaType, problem.Problem{}},
			{503, "Too many bodies are being received.", []string{"Retry-After"}, problem.MediaType, problem.Problem{}},
		},
	},
	{
		Method: "get", Path: openAPIPath, ID: "describe", Summary: "This description",
		Replies: []Reply{{200, "OpenAPI 3.1.", nil, "application/json", nil}},
	},
}
