package mcptool_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/httptool"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/exec/process"
)

type greeting struct {
	Name string `json:"name"`
}

// A tool of an MCP server is called with its arguments as the request.
func Example() {
	server := mcp.NewServer(&mcp.Implementation{Name: "greeter", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "greet"}, func(_ context.Context, _ *mcp.CallToolRequest, in greeting) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "hello " + in.Name}}}, nil, nil
	})
	endpoint := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	defer endpoint.Close()

	web := httptool.New(nil, nil)
	defer web.Close()
	runner := &mcptool.Runner{Process: &process.Runner{}, HTTP: web}
	call := exec.Call{
		Module:  exec.ModuleRef{Kind: exec.KindMCP, URL: endpoint.URL, Tool: "greet"},
		Request: []byte(`{"name":"ann"}`), Limits: exec.DefaultLimits(),
	}
	res, err := runner.Run(context.Background(), call)
	fmt.Println(string(res.Body), res.Status, err)
	// Output:
	// hello ann 200 <nil>
}
