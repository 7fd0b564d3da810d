// Package problem writes refusals in the form of RFC 9457, with the exit code and the hint that the command line gives
// for the same error.
package problem

import (
	"encoding/json"
	"net/http"

	"github.com/mythos-project/mythos/internal/cli/clierr"
)

// MediaType is the media type of a problem.
const MediaType = "application/problem+json"

// About is the page that explains each type of problem, followed by #.
const About = "https://github.com/mythos-project/mythos/blob/main/docs/gate.md#"

// Problem describes why a request is refused.
type Problem struct {
	Type   string `json:"type"`   // a page that explains it
	Title  string `json:"title"`  // the type, in words
	Status int    `json:"status"` // of HTTP
	Detail string `json:"detail"` // what happened this time
	Code   int    `json:"code"`   // the command line's exit code for it
	Kind   string `json:"kind"`   // the exit code's name
	Hint   string `json:"hint,omitempty"`
}

// byStatus are the types of problems of which only the HTTP status is known.
var byStatus = map[int][2]string{
	http.StatusBadRequest:            {"invalid-request", "The request is malformed"},
	http.StatusUnauthorized:          {"no-bearer", "No good bearer is shown"},
	http.StatusForbidden:             {"refused", "The authority does not cover it"},
	http.StatusNotFound:              {"not-found", "It is not here"},
	http.StatusMethodNotAllowed:      {"invalid-request", "The request is malformed"},
	http.StatusUnsupportedMediaType:  {"invalid-request", "The request is malformed"},
	http.StatusRequestEntityTooLarge: {"too-large", "The request is too large"},
	http.StatusConflict:              {"in-flight", "Another request with the key is under way"},
	http.StatusUnprocessableEntity:   {"conflict", "The key stands for something else"},
	http.StatusLocked:                {"frozen", "It is frozen"},
	http.StatusPreconditionRequired:  {"waits-for-approval", "It waits for people to agree to it"},
	http.StatusTooManyRequests:       {"busy", "Not now"},
	http.StatusBadGateway:            {"tool-failed", "The tool failed"},
	http.StatusServiceUnavailable:    {"busy", "Not now"},
	http.StatusGatewayTimeout:        {"unknown-outcome", "Nobody knows whether it happened"},
}

// Of returns the problem for an HTTP status; kind is the name of the exit code.
func Of(status int, kind, hint string, err error) Problem {
	words, known := byStatus[status]
	if !known {
		words = [2]string{"failed", "It failed"}
	}
	p := Problem{Type: About + words[0], Title: words[1], Status: status, Detail: err.Error(), Code: clierr.Failed, Kind: "failed", Hint: hint}
	for _, c := range clierr.Codes {
		if c.Kind == kind {
			p.Code, p.Kind = c.Code, kind
		}
	}
	return p
}

// Write answers with a problem, or with a document that has the members of one.
func Write(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", MediaType)
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(doc)
}
