package objectcmd

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
)

var hashType = reflect.TypeFor[object.Hash]()

// speaker describes objects in sentences.
type speaker struct {
	ctx context.Context
	n   *repo.Repo
}

// sentences describes an object in sentences; an object of an unknown kind is just named.
func sentences(ctx context.Context, n *repo.Repo, kind string, raw []byte) []string {
	s := speaker{ctx, n}
	say, ok := words[kind]
	if !ok {
		return []string{"A " + kind + " of the protocol (spec/objects.md)."}
	}
	lines, err := say(s, raw)
	if err != nil {
		return []string{"It cannot be read: " + err.Error()}
	}
	return slices.DeleteFunc(lines, func(line string) bool { return line == "" })
}

// words has a description for each kind of object in a repository.
var words = map[string]func(speaker, []byte) ([]string, error){
	"Receipt": speech(speaker.receipt), "EffectRegister": speech(speaker.register), "EffectCommit": speech(speaker.commit),
	"DivergenceMark": speech(speaker.mark), "Resolution": speech(speaker.resolution),
	"Capability": speaker.capability, "RevocationList": speech(speaker.revocations),
	"BlobRef": speech(speaker.blob), "MerkleNode": speech(speaker.merkleNode),
	"Tree": speech(speaker.tree), "TreeEntry": speech(speaker.treeEntry),
	"EpisodeRef": speech(speaker.episode), "Signal": speech(speaker.signal), "RunRecord": speech(speaker.run), "Tool": speech(speaker.tool),
	"DatasetDef": speech(speaker.datasetDef), "DatasetRef": speech(speaker.datasetRef),
	"RecipeDef": speech(speaker.recipe), "EvalSuiteDef": speech(speaker.suite), "PolicyDef": speech(speaker.policy),
	"ModelRef": speech(speaker.model), "Attestation": speech(speaker.attestation), "EvalReport": speech(speaker.report),
	"PromotionRecord": speech(speaker.promotion), "RingHold": speech(speaker.hold),
}

// speech decodes an object before describing it.
func speech[T any](say func(speaker, *T) []string) func(speaker, []byte) ([]string, error) {
	return func(s speaker, raw []byte) ([]string, error) {
		v := new(T)
		if err := can.Unmarshal(raw, v); err != nil {
			return nil, err
		}
		return say(s, v), nil
	}
}

// who is the local name of an agent, otherwise its key.
func (s speaker) who(a object.AgentID) string {
	if name := s.n.AgentName(a); name != "" {
		return name
	}
	return "agent " + a.KeyHex()[:12]
}

func (s speaker) toolName(id object.Hash) string { return "tool " + s.n.Toolbox.Name(s.ctx, id) }

func at(t object.Time) string { return t.Std().Format("2006-01-02 15:04:05") + " UTC" }

func (s speaker) receipt(r *ledger.Receipt) []string {
	outcome := "and it succeeded"
	if r.Status >= 300 {
		outcome = "and it failed"
	}
	lines := []string{fmt.Sprintf("%s says: %s was asked something at %s, %s (status %d).", s.who(r.Signer), s.toolName(r.ToolID), at(r.TimeObserved), outcome, r.Status)}
	if len(r.IdempotencyKey) > 0 {
		lines = append(lines, fmt.Sprintf("It happened under the key %q: another call with that key and the same request gets this answer, and nothing happens again.", r.IdempotencyKey))
	} else {
		lines = append(lines, "It had no key: every such call happens again.")
	}
	if len(r.Evidence) > 0 {
		if o, err := s.n.Store.Object(s.ctx, r.Evidence[0]); err == nil && o.Kind == "Capability" {
			if link, err := caps.Open(o.Raw); err == nil {
				lines = append(lines, "It was allowed by capability "+link.ID.Short()+": "+link.Cap.Scope.Words()+".")
			}
		}
	}
	if r.Notes != nil {
		lines = append(lines, "Note: "+*r.Notes)
	}
	return lines
}

func (s speaker) register(r *ledger.EffectRegister) []string {
	return []string{fmt.Sprintf("%s announced at %s that %s will run under the key %q; without a sign of life it is given up at %s.",
		s.who(r.Owner), at(r.TimeObserved), s.toolName(r.ToolID), r.IdempotencyKey, at(r.LeaseExpiresAt))}
}

func (s speaker) commit(c *ledger.EffectCommit) []string {
	return []string{fmt.Sprintf("The effect of %s ended at %s with status %d; receipt %s tells more.", s.toolName(c.ToolID), at(c.TimeObserved), c.Status, c.ReceiptID.Short())}
}

func (s speaker) mark(m *ledger.DivergenceMark) []string {
	what := map[uint8]string{ledger.RequestHashConflict: "another request", ledger.ResponseHashConflict: "another response", ledger.MultipleCommits: "another outcome"}[m.Reason]
	return []string{fmt.Sprintf("The key of an effect of %s came up with %s at %s: its history contradicts itself until an operator decides.", s.toolName(m.ToolID), what, at(m.TimeObserved))}
}

func (s speaker) resolution(r *ledger.Resolution) []string {
	what := map[uint8]string{ledger.ResolveRetry: "may run again", ledger.ResolveAbandon: "shall never run again", ledger.ResolveAccept: "has one of its recorded outcomes"}[r.Decision]
	if r.ByOwner() {
		what = map[uint8]string{ledger.ResolveRelease: "did not start: its key is free", ledger.ResolveStop: "was stopped: nobody knows what it did"}[r.Decision]
		return []string{fmt.Sprintf("%s recorded at %s that attempt %d at effect %s %s.", s.who(r.Signer), at(r.TimeObserved), *r.About, r.IdemID.Short(), what)}
	}
	lines := []string{fmt.Sprintf("%s decided at %s that effect %s %s.", s.who(r.Signer), at(r.TimeObserved), r.IdemID.Short(), what)}
	if r.Notes != nil {
		lines = append(lines, "Because: "+*r.Notes)
	}
	return lines
}

func (s speaker) capability(raw []byte) ([]string, error) {
	link, err := caps.Open(raw)
	if err != nil {
		return nil, err
	}
	chain, err := s.n.Auth.Chain(s.ctx, link.ID)
	if err != nil { // a link is missing: describe the leaf alone
		chain = caps.Chain{link}
	}
	return strings.Split(strings.TrimSpace(caps.Explain(chain, s.n.Now())), "\n"), nil
}

func (s speaker) revocations(l *caps.RevocationList) []string {
	return []string{fmt.Sprintf("%s revoked %s; this is list number %d, of %s.", s.who(l.Issuer), units.Count(len(l.Revoked), "id"), l.Sequence, at(l.TimeObserved))}
}

func (s speaker) blob(b *object.BlobRef) []string {
	chunks := "in one piece"
	if b.Chunks > 0 {
		chunks = "in " + units.Count(b.Chunks, "chunk") + ", provable with the cid alone"
	}
	lines := []string{fmt.Sprintf("A blob of %s (%s), %s.", ui.Size(b.Size), b.Media, chunks)}
	if b.Codec == object.CodecZstd {
		lines = append(lines, "Its stored bytes are compressed with zstd.")
	}
	if b.Encryption != nil {
		lines = append(lines, "It is encrypted: only holders of the key can read it.")
	}
	if b.Provenance != nil {
		lines = append(lines, fmt.Sprintf("It was made from %d other blobs by %q.", len(b.Provenance.Parents), b.Provenance.Transform))
	}
	return lines
}

func (s speaker) tree(t *tree.Tree) []string {
	return []string{fmt.Sprintf("A folder with %s in and below it, %s: mythos tree ls.", units.Count(t.Files, "file"), ui.Size(t.Size))}
}

func (s speaker) treeEntry(e *tree.Entry) []string {
	what := "A file of " + ui.Size(e.Size)
	switch e.Kind {
	case tree.Folder:
		what = "A folder of " + ui.Size(e.Size)
	case tree.Link:
		what = fmt.Sprintf("A link to %q", e.Target)
	}
	return []string{fmt.Sprintf("%s in a tree, under the name %q.", what, e.Name)}
}

func (s speaker) merkleNode(n *merkle.Node) []string {
	return []string{fmt.Sprintf("An inner node of a Merkle tree (kind %d): part of a blob or of a list, named by its parent's hash.", n.Kind)}
}

func (s speaker) episode(e *object.EpisodeRef) []string {
	lines := []string{fmt.Sprintf("A run as evidence, of %s: its trace has %s, and it left %s.", at(e.TimeObserved), ui.Size(e.TraceRef.TraceBlob.Size), units.Count(len(e.TraceRef.ReceiptIDs), "receipt"))}
	if r, err := s.n.Episodes.CallOf(s.ctx, e); err == nil {
		lines = append(lines, fmt.Sprintf("It called %s, which answered with status %d.", s.toolName(r.ToolID), r.Status))
	}
	if raws, err := s.n.Source.Signals(s.ctx, e.EpisodeID); err == nil && len(raws) > 0 {
		lines = append(lines, fmt.Sprintf("There is %s about it: `mythos signal ls %s`.", units.Count(len(raws), "signal"), e.EpisodeID.Short()))
	}
	return lines
}

func (s speaker) signal(g *signal.Signal) []string {
	value, kind := "a value that cannot be read", signal.TypeName(g.SignalType)
	if v, known, err := g.Value(); err == nil && known {
		value = v.String()
	}
	if kind == "" {
		kind = fmt.Sprintf("signal of type %d,", g.SignalType)
	}
	return []string{fmt.Sprintf("%s gave episode %s the %s %s, at %s.", s.who(g.Signer), g.EpisodeID.Short(), kind, value, at(g.TimeObserved))}
}

func (s speaker) run(r *run.Record) []string {
	how := "It ended with a result."
	if r.Halt != 0 {
		how = "It was halted."
	}
	return []string{
		fmt.Sprintf("A task of bundle %s ran at %s: %s of computing, %s.", r.BundleID.Short(), at(r.Time), time.Duration(r.Spent.CPUus)*time.Microsecond, units.Count(r.Spent.IOCount, "effect")),
		how, "`mythos replay " + r.RunID.Short() + "` executes it again over the recorded responses.",
	}
}

func (s speaker) tool(t *exec.Tool) []string {
	if t.Module.Kind == exec.KindDeclared {
		return []string{fmt.Sprintf("Tool %s, declared: its harness runs it as %s and reports the outcome. Nobody here runs it.", t.Name, t.Module.Tool)}
	}
	lines := []string{fmt.Sprintf("Tool %s, a %s, confined: %s.", t.Name, exec.KindName(t.Module.Kind), t.Module.Confinement)}
	if len(t.Module.Argv) > 0 {
		lines = append(lines, "It runs: "+strings.Join(t.Module.Argv, " "))
	}
	if t.Policy.RetrySafe {
		return append(lines, "An attempt with unknown outcome may be repeated.")
	}
	return append(lines, "An attempt with unknown outcome is not repeated until an operator decides.")
}

func (s speaker) datasetDef(d *dataset.DatasetDef) []string {
	return []string{
		fmt.Sprintf("Selects episodes of %s where: %s", units.Count(len(d.CorpusRoots), "corpus root"), query.Decompile(&d.Query.Predicate)),
		"Sampling: " + d.SamplingText() + ".", "Anyone who has the evidence builds the same dataset from it, byte for byte.",
	}
}

func (s speaker) datasetRef(d *dataset.DatasetRef) []string {
	return []string{fmt.Sprintf("A dataset of %s, built from definition %s. `mythos dataset verify %s` builds it again.", units.Count(d.Count, "episode"), d.DatasetDefID.Short(), d.Manifest.CID.Short())}
}
