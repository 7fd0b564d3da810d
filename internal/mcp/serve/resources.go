package serve

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/object"
)

// Reads finds what the receipts of an agent reach, and nothing else. For everything else the error wraps ErrNotReached.
type Reads interface {
	// Receipt returns a receipt as JSON.
	Receipt(ctx context.Context, id object.Hash) ([]byte, error)
	// Blob returns a part of the request or the response of a call, and the size of the whole.
	Blob(ctx context.Context, cid object.Hash, offset, length int64) (part []byte, size int64, err error)
}

// ErrNotReached means that no receipt of the agent names something.
var ErrNotReached = errors.New("no receipt of this agent names it")

const (
	receiptURI = "mythos://receipt/"
	blobURI    = "mythos://blob/"
	maxRead    = 1 << 20 // bytes of a blob in one answer
)

func (s *Server) resources() {
	s.mcp.AddResourceTemplate(&mcp.ResourceTemplate{Name: "receipt", URITemplate: receiptURI + "{id}", MIMEType: "application/json",
		Description: "The receipt of a call of yours"}, s.read)
	s.mcp.AddResourceTemplate(&mcp.ResourceTemplate{Name: "blob", URITemplate: blobURI + "{cid}{?offset,length}",
		Description: "What a call of yours sent or got, or a part of it: at most 1 MiB at a time"}, s.read)
}

// read answers resources/read. What is not reached, and an invalid address, is not found.
func (s *Server) read(ctx context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	uri := req.Params.URI
	contents, err := s.contents(ctx, uri)
	if errors.Is(err, ErrNotReached) {
		return nil, mcp.ResourceNotFoundError(uri)
	}
	if err != nil {
		return nil, err
	}
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{contents}}, nil
}

func (s *Server) contents(ctx context.Context, uri string) (*mcp.ResourceContents, error) {
	if text, ok := strings.CutPrefix(uri, receiptURI); ok {
		id, err := object.ParseHash(text)
		if err != nil {
			return nil, ErrNotReached
		}
		raw, err := s.Reads.Receipt(ctx, id)
		return &mcp.ResourceContents{URI: uri, MIMEType: "application/json", Text: string(raw)}, err
	}
	u, err := url.Parse(uri)
	if err != nil || !strings.HasPrefix(uri, blobURI) {
		return nil, ErrNotReached
	}
	cid, err := object.ParseHash(strings.TrimPrefix(u.Path, "/"))
	if err != nil {
		return nil, ErrNotReached
	}
	offset, length, err := rangeOf(u.Query())
	if err != nil {
		return nil, err
	}
	part, _, err := s.Reads.Blob(ctx, cid, offset, length)
	if err != nil {
		return nil, err
	}
	if utf8.Valid(part) {
		return &mcp.ResourceContents{URI: uri, MIMEType: "text/plain; charset=utf-8", Text: string(part)}, nil
	}
	return &mcp.ResourceContents{URI: uri, MIMEType: "application/octet-stream", Blob: part}, nil
}

var errRange = errors.New("offset and length are whole numbers from 0 on")

func rangeOf(q url.Values) (offset, length int64, err error) {
	length = maxRead
	for name, to := range map[string]*int64{"offset": &offset, "length": &length} {
		if text := q.Get(name); text != "" {
			if *to, err = strconv.ParseInt(text, 10, 64); err != nil || *to < 0 {
				return 0, 0, errRange
			}
		}
	}
	return offset, min(length, maxRead), nil
}

// fetchInput is the schema of the arguments of mythos_fetch.
const fetchInput = `{"type":"object","properties":{"cid":{"type":"string","description":"as in mythos://blob/CID"},` +
	`"offset":{"type":"integer","minimum":0},"length":{"type":"integer","minimum":1,"maximum":65536}},"required":["cid"],"additionalProperties":false}`

// FetchName is the name of Fetch.
const FetchName = "mythos_fetch"

// Fetch returns a tool that reads blobs, for clients that cannot read resources.
func Fetch(from Reads) Own {
	return Own{Name: FetchName, Description: "Read a part of what a call of yours sent or got: a text, or base64 where it is none. At most 64 KiB at a time.", Input: json.RawMessage(fetchInput),
		Run: func(ctx context.Context, arguments json.RawMessage) (string, error) {
			var a struct {
				CID    object.Hash `json:"cid"`
				Offset int64       `json:"offset"`
				Length int64       `json:"length"`
			}
			if err := json.Unmarshal(arguments, &a); err != nil {
				return "", err
			}
			if a.Offset < 0 || a.Length < 0 {
				return "", errRange
			}
			if a.Length == 0 || a.Length > maxWhole {
				a.Length = maxWhole
			}
			part, size, err := from.Blob(ctx, a.CID, a.Offset, a.Length)
			if err != nil {
				return "", err
			}
			out := struct {
				Size   int64  `json:"size"`
				Offset int64  `json:"offset"`
				Length int    `json:"length"`
				Text   string `json:"text,omitempty"`
				Base64 string `json:"base64,omitempty"`
			}{Size: size, Offset: a.Offset, Length: len(part)}
			if out.Text = string(part); !utf8.Valid(part) {
				out.Text, out.Base64 = "", base64.StdEncoding.EncodeToString(part)
			}
			raw, err := json.Marshal(out)
			return string(raw), err
		}}
}
