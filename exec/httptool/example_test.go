package httptool_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/httptool"
)

// The request is the body; headers give the endpoint the idempotency key and the attempt.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s for key %s, fence %s, %v", body, r.Header.Get("Idempotency-Key"), r.Header.Get("Mythos-Fence"), err)
	}))
	defer server.Close()
	runner := httptool.New(nil, nil)
	defer runner.Close()
	call := exec.Call{
		Module:  exec.ModuleRef{Kind: exec.KindHTTP, URL: server.URL, Method: http.MethodPost},
		Request: []byte("hello"), Key: []byte("monday"), Fence: 1, Limits: exec.DefaultLimits(),
	}
	res, err := runner.Run(context.Background(), call)
	fmt.Println(string(res.Body), res.Status, err)
	// Output:
	// hello for key monday, fence 1, <nil> 200 <nil>
}
