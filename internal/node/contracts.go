package node

import (
	"context"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// Run runs a task of a bundle, the only one for the zero id. Where the task emits attestations, each contract that held is
// attested; the ids are returned in order.
func (n *Node) Run(ctx context.Context, bundle []byte, task object.Hash, o exec.RunOptions) (*exec.Result, []object.Hash, error) {
	var attested []object.Hash
	o.OnContract = func(ctx context.Context, c exec.ContractCheck) error {
		id, err := n.attestContract(ctx, c)
		attested = append(attested, id)
		return err
	}
	res, err := n.Exec.Run(ctx, bundle, task, o)
	return res, attested, err
}

// maxContractReceipts is how many of the run's receipts, the last ones, an attestation
// names.
const maxContractReceipts = 1000

// attestContract signs and keeps a ContractPass: its subject is the contract, its
// evidence the hash of the arguments and the receipts of the run so far.
func (n *Node) attestContract(ctx context.Context, c exec.ContractCheck) (object.Hash, error) {
	receipts := c.Evidence[max(0, len(c.Evidence)-maxContractReceipts):]
	id, raw, err := model.NewAttestation(n.Key, model.Attestation{
		SubjectHash: c.Contract, ClaimType: model.ClaimContractPass, Result: c.Result,
		Evidence: append([]object.Hash{c.Args}, receipts...), TimeObserved: n.now(),
	})
	if err != nil {
		return object.Hash{}, err
	}
	return id, n.putObject(ctx, "Attestation", id, raw)
}
