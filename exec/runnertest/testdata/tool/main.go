// Command tool misbehaves on request, to test the runners.
package main

import (
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"strconv"
	"time"
)

func main() {
	mode := os.Args[1]
	switch mode {
	case "echo":
		if _, err := io.Copy(os.Stdout, os.Stdin); err != nil {
			os.Exit(3)
		}
	case "big": // N bytes of answer
		n, _ := strconv.Atoi(os.Args[2])
		chunk := make([]byte, 64<<10)
		for ; n > 0; n -= len(chunk) {
			if _, err := os.Stdout.Write(chunk[:min(n, len(chunk))]); err != nil {
				os.Exit(4)
			}
		}
	case "spin":
		for x := 0; ; x++ {
			if x < 0 {
				fmt.Print(x)
			}
		}
	case "fail": // exit code N
		n, _ := strconv.Atoi(os.Args[2])
		fmt.Print("partial")
		fmt.Fprint(os.Stderr, "it went wrong")
		os.Exit(n)
	case "noise": // much on stderr, success
		for range 1000 {
			fmt.Fprintln(os.Stderr, "a line that nobody reads, over and over again, until the limit")
		}
		fmt.Print("quiet")
	case "dial": // network and address
		if _, err := net.Dial(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprint(os.Stderr, err)
			os.Exit(7)
		}
	case "used": // reports what it used
		fmt.Fprintln(os.Stderr, "working")
		fmt.Fprintln(os.Stderr, "used "+os.Args[2])
		fmt.Print("done")
	case "count": // leaves one byte in the file named by argument 2 for each invocation
		f, err := os.OpenFile(os.Args[2], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			os.Exit(5)
		}
		f.Write([]byte{'x'})
		f.Close()
		io.Copy(os.Stdout, os.Stdin)
	case "read": // answers the content of a file
		data, err := os.ReadFile(os.Args[2])
		if err != nil {
			fmt.Fprint(os.Stderr, err)
			os.Exit(6)
		}
		os.Stdout.Write(data)
	case "env":
		for _, e := range os.Environ() {
			fmt.Println(e)
		}
	case "world": // what a sandbox must make the same every time
		start := time.Now()
		time.Sleep(time.Hour)
		fmt.Println(start.UTC(), time.Since(start) >= time.Hour, rand.Int63(), os.Environ())
	case "alloc": // N MiB
		n, _ := strconv.Atoi(os.Args[2])
		var keep [][]byte
		for range n {
			b := make([]byte, 1<<20)
			b[0], b[len(b)-1] = 1, 1
			keep = append(keep, b)
		}
		fmt.Print(len(keep))
	default:
		os.Exit(2)
	}
}
