package quickstart

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mythos-project/mythos/internal/ui"
)

// loop is the state of the tour: what earlier parts made for later ones.
type loop struct {
	*tour
	src   string
	files int

	keyA, keyB string // public keys
	cap, child string // for textstat: A's own, and what B got
	lines      string // A's capability for the tool lines
	corpus     string
	def        string // dataset definition id
	test       string // manifest of held-out episodes
	recipe     [3]string
	suite      string
	policy     string
	label      string // what the classifier predicts
}

type initialized struct {
	KeyID     string `json:"key_id"`
	PublicKey string `json:"public_key"`
}

func (l *loop) identities(ctx context.Context) error {
	l.part("a", "Two executors, each with a repository and an identity of its own")
	var a, b initialized
	if err := l.runJSON(ctx, &a, "A repository starts with a fresh Ed25519 identity.", "init", "a"); err != nil {
		return err
	}
	if err := l.runJSON(ctx, &b, "And another, for executor B.", "init", "b"); err != nil {
		return err
	}
	l.keyA, l.keyB = a.PublicKey, b.PublicKey
	if _, err := l.run(ctx, "A takes packets that B signs.", "-C", "a", "trust", "add", l.keyB, "--name", "b", "--for", "packet"); err != nil {
		return err
	}
	_, err := l.run(ctx, "B takes A's packets, and A may issue capabilities for tools.", "-C", "b", "trust", "add", l.keyA, "--name", "a", "--for", "packet,tool")
	return err
}

type stored struct {
	CID    string `json:"cid"`
	Size   uint64 `json:"size"`
	Chunks uint64 `json:"chunks"`
}

func (l *loop) blobs(ctx context.Context) error {
	l.part("b", "A large file, one chunk of it proven with nothing but the root hash")
	files, size, err := writeTar(ctx, l.src, filepath.Join(l.dir, "src.tar"))
	if err != nil {
		return err
	}
	l.say("src.tar holds the %d files of the directory, %s.", files, ui.Size(uint64(size)))
	chunk := "4MiB"
	if size < 80<<20 {
		chunk = "256KiB"
	}
	var blob stored
	if err := l.runJSON(ctx, &blob, "Stored in chunks; the cid is printed when every byte is on the disk.", "-C", "a", "blob", "put", "--chunk-size", chunk, "../src.tar"); err != nil {
		return err
	}
	l.fact("%s in %d chunks", ui.Size(blob.Size), blob.Chunks)
	n := blob.Chunks / 2
	bytesOf := map[string]uint64{"4MiB": 4 << 20, "256KiB": 256 << 10}[chunk]
	length := min(bytesOf, blob.Size-n*bytesOf)
	if _, err := l.run(ctx, "The proof of one chunk: the tree nodes above it.", "-C", "a", "blob", "prove", blob.CID, "--chunk", fmt.Sprint(n), "-o", "../chunk.proof"); err != nil {
		return err
	}
	if _, err := l.run(ctx, "The chunk itself.", "-C", "a", "blob", "get", blob.CID, "--range", fmt.Sprintf("%d:%d", n*bytesOf, length), "-o", "../chunk.bin"); err != nil {
		return err
	}
	out, err := l.run(ctx, "Anybody checks it, without a repository.", "blob", "verify", "--root", blob.CID, "--chunk", fmt.Sprint(n), "--proof", "chunk.proof", "chunk.bin")
	l.fact("%s", out)
	return err
}

func (l *loop) capabilities(ctx context.Context) error {
	l.part("c", "A capability for one tool, and a smaller part of it for a second agent")
	if _, err := l.run(ctx, "A tool of this project's own, built from Go to WebAssembly on the spot: it counts what is in a text.", "tool", "build", "textstat", "-o", "textstat.wasm"); err != nil {
		return err
	}
	for _, repo := range []string{"a", "b"} {
		if _, err := l.run(ctx, "The tool's id pins its module: it is the same in both repositories.", "-C", repo, "tool", "add", "textstat", "--wasm", "../textstat.wasm", "--retry-safe"); err != nil {
			return err
		}
	}
	var err error
	if l.cap, err = l.run(ctx, "No effect without a capability, not even for the owner. A issues itself one.", "-C", "a", "-q", "cap", "issue", "--to", "self", "--scope", "tool.call:textstat,calls=10000", "--ttl", "24h", "--delegable"); err != nil {
		return err
	}
	if l.child, err = l.run(ctx, "A part of it goes to B: three calls, for an hour.", "-C", "a", "-q", "cap", "attenuate", l.cap, "--to", "b", "--scope", "tool.call:textstat,calls=3", "--ttl", "1h"); err != nil {
		return err
	}
	out, err := l.run(ctx, "What B may do, in plain words.", "-C", "a", "cap", "show", l.child)
	for _, line := range strings.Split(out, "\n") {
		l.fact("%s", line)
	}
	return err
}

const program = `; Ask B to count what is in a greeting, under the capability that A gave it.
.tool textstat (bytes) -> bytes id #%s

.const request bytes x"68656c6c6f2c20776f726c640a"
.const key     bytes x"%x"

.task #"sym:main" () budget { cpu 100000, io 1, writes 1 } trace

	require_cap #%s
	const  r0, $request
	effect tool:textstat, r0, r1, r2, $key
	ret    r1
`

func (l *loop) packets(ctx context.Context) error {
	l.part("d", "A signed packet with a program; B receives it, runs it and answers with a signed packet")
	var tool struct {
		ID string `json:"tool_id"`
	}
	if err := l.runJSON(ctx, &tool, "The tool's id.", "-C", "a", "tool", "show", "textstat"); err != nil {
		return err
	}
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	if err := l.write("hello.mir", fmt.Sprintf(program, tool.ID, "hello "+l.child[:12], l.child)); err != nil {
		return err
	}
	if _, err := l.run(ctx, "Assembled to a canonical bundle.", "asm", "hello.mir", "-o", "hello.bundle"); err != nil {
		return err
	}
	stop, err := l.start(ctx, "B serves on loopback.", addr, "-C", "b", "serve", "--listen", addr)
	if err != nil {
		return err
	}
	defer stop()
	out, err := l.run(ctx, "A signs it, sends it with B's capability, and checks the signed answer before believing it.", "-C", "a", "submit", "http://"+addr, "../hello.bundle", "--cap", l.child, "-o", "../answer.mythosx")
	if err != nil {
		return err
	}
	l.fact("%s", out)
	out, err = l.run(ctx, "The answer is a packet that anybody can check who trusts B.", "packet", "verify", "--trust", l.keyB, "answer.mythosx")
	l.fact("%s", out)
	return err
}

type line struct {
	Status   uint16 `json:"status"`
	Replayed bool   `json:"replayed"`
	Receipt  string `json:"receipt"`
}

// counted reads the lines of a batch.
func counted(out string) (invoked, replayed, failed int, err error) {
	sc := bufio.NewScanner(strings.NewReader(out))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var c line
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			return 0, 0, 0, err
		}
		switch {
		case c.Status != 200:
			failed++
		case c.Replayed:
			replayed++
		default:
			invoked++
		}
	}
	return invoked, replayed, failed, sc.Err()
}

func (l *loop) effects(ctx context.Context) error {
	l.part("e", "Hundreds of effects, each registered, receipted and committed; the second time nothing is invoked")
	names, err := texts(ctx, l.src, l.files)
	if err != nil {
		return err
	}
	if len(names) < 20 {
		return fmt.Errorf("%s has %d text files, at least 20 are needed", l.src, len(names))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, name := range names {
		if err := enc.Encode(map[string]string{"key": name, "file": filepath.Join(l.src, name)}); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(l.dir, "calls.jsonl"), b.Bytes(), 0o644); err != nil {
		return err
	}
	l.say("calls.jsonl names %d files; each file's path is the key of its effect.", len(names))
	args := []string{"-C", "a", "call", "textstat", "--batch", "../calls.jsonl", "--capture"}
	out, err := l.run(ctx, "Each call is a keyed effect: register, run in the sandbox, receipt, commit.", append(args, "--json")...)
	if err != nil {
		return err
	}
	invoked, replayed, failed, err := counted(out)
	if err != nil {
		return err
	}
	l.fact("%d invoked, %d replayed, %d failed", invoked, replayed, failed)
	if out, err = l.run(ctx, "The same again.", append(args, "--json")...); err != nil {
		return err
	}
	if invoked, replayed, failed, err = counted(out); err != nil {
		return err
	}
	l.fact("%d invoked, %d replayed, %d failed", invoked, replayed, failed)
	if invoked > 0 || replayed != len(names) {
		return fmt.Errorf("the second run invoked %d tools", invoked)
	}
	return l.process(ctx)
}

// key makes keys that are new with each capability, so that the tour can be taken
// again in the same folder.
func (l *loop) key(name string) string { return name + "-" + l.lines[:8] }

// process shows a second kind of tool.
func (l *loop) process(ctx context.Context) error {
	if _, err := l.run(ctx, "A second tool is a plain process.", "-C", "a", "tool", "add", "lines", "--retry-safe", "--unconfined", "--process", "wc", "-l"); err != nil {
		return err
	}
	var err error
	if l.lines, err = l.run(ctx, "Two calls of it are allowed.", "-C", "a", "-q", "cap", "issue", "--to", "self", "--scope", "tool.call:lines,calls=2", "--ttl", "1h"); err != nil {
		return err
	}
	out, err := l.run(ctx, "It reads the request from standard input.", "-C", "a", "call", "lines", "--cap", l.lines, "--key", l.key("first"), "--in", "../calls.jsonl")
	l.fact("%s lines", strings.TrimSpace(out))
	return err
}

func (l *loop) refusals(ctx context.Context) error {
	l.part("f", "What is not allowed does not happen, and says so")
	if _, err := l.run(ctx, "The same tool in B's repository.", "-C", "b", "tool", "add", "lines", "--retry-safe", "--unconfined", "--process", "wc", "-l"); err != nil {
		return err
	}
	if err := l.refused(ctx, 4, "Without a capability: refused, with the line that would allow it.", "-C", "b", "call", "lines", "--key", "none", "--in", "../hello.mir"); err != nil {
		return err
	}
	if _, _, err := l.exec(ctx, "The second of the two calls. (Pasted after what follows, it is refused: divergence is final.)",
		[]string{"-C", "a", "call", "lines", "--cap", l.lines, "--key", l.key("shared"), "--in", "../calls.jsonl"}); err != nil {
		return err
	}
	if err := l.refused(ctx, 4, "Beyond the quota of two calls: refused.", "-C", "a", "call", "lines", "--cap", l.lines, "--key", l.key("second"), "--in", "../hello.mir"); err != nil {
		return err
	}
	if err := l.refused(ctx, 6, "A used key with another request: a conflict, and the ledger marks it.", "-C", "a", "call", "lines", "--cap", l.lines, "--key", l.key("shared"), "--in", "../hello.mir"); err != nil {
		return err
	}
	out, err := l.run(ctx, "The ledger shows the divergence.", "-C", "a", "ledger", "show", l.key("shared"), "--tool", "lines")
	for _, text := range strings.Split(out, "\n") {
		l.fact("%s", text)
	}
	return err
}
