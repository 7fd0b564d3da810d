package calls

import (
	"context"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// RunSpec is one run of a task.
type RunSpec struct {
	Bundle []byte
	Task   object.Hash   // the zero id: the only task of the bundle
	Caps   []caps.Chain  // capabilities that it may activate
	NoMemo bool          // as of [run.Options]
	Redact *redact.Rules // also store a redacted episode

	OnEffect func(exec.Effect, exec.Outcome) // as of [run.Options]
	Manner   exec.Manner                     // of all its effects
}

// Ran is the result of a run.
type Ran struct {
	*run.Result
	Attested []object.Hash // a ContractPass for each contract that held, in order
	Redacted *object.Hash  // the redacted episode, if the task emits a trace
}

// Run runs a task of a bundle. If the task emits attestations, each contract that held is attested.
func (ca *Caller) Run(ctx context.Context, s RunSpec) (*Ran, error) {
	var ran Ran
	o := run.Options{Caps: s.Caps, NoMemo: s.NoMemo, OnEffect: s.OnEffect, Manner: s.Manner, OnContract: func(ctx context.Context, c vm.ContractCheck) error {
		id, err := ca.attestContract(ctx, c)
		ran.Attested = append(ran.Attested, id)
		return err
	}}
	var err error
	ran.Result, ran.Redacted, err = ca.Episodes.Redacting(ctx, s.Redact, o, func(o run.Options) (*run.Result, error) {
		return ca.Exec.Run(ctx, s.Bundle, s.Task, o)
	})
	return &ran, err
}

// maxContractReceipts is how many of the run's receipts, the last ones, an attestation names.
const maxContractReceipts = 1000

// attestContract signs and stores a ContractPass: its subject is the contract, its evidence the hash of the arguments
// and the receipts of the run so far.
func (ca *Caller) attestContract(ctx context.Context, c vm.ContractCheck) (object.Hash, error) {
	receipts := c.Evidence[max(0, len(c.Evidence)-maxContractReceipts):]
	id, raw, err := model.NewAttestation(ca.ID.Key, model.Attestation{
		SubjectHash: c.Contract, ClaimType: model.ClaimContractPass, Result: c.Result,
		Evidence: append([]object.Hash{c.Args}, receipts...), TimeObserved: ca.ID.Now(),
	})
	if err != nil {
		return object.Hash{}, err
	}
	return id, objects.Put(ctx, ca.Store, "Attestation", id, raw)
}
