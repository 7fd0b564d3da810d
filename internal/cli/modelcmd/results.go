package modelcmd

import (
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/judge"
	"github.com/mythos-project/mythos/model/why"
	"github.com/mythos-project/mythos/object"
)

// added is a stored definition.
type added struct {
	ID   object.Hash `json:"id"`
	Kind string      `json:"kind"`
}

// checked is a recipe whose tool meets the contract.
type checked struct {
	Recipe object.Hash `json:"recipe"`
	OK     bool        `json:"ok"`
}

// trained is a model that was trained.
type trained struct {
	Model    object.Hash      `json:"model"`
	Examples uint64           `json:"examples"`
	Tokens   uint64           `json:"tokens"` // that the tool reported
	GPUms    uint64           `json:"gpu_ms"` // of GPU time that the tool reported
	Metrics  map[string]int64 `json:"metrics"`
	Receipt  object.Hash      `json:"receipt"`
	Replayed bool             `json:"replayed"`
}

// imported is a model that was trained elsewhere.
type imported struct {
	Model    object.Hash `json:"model"`
	Weights  object.Hash `json:"weights"` // the id of a blob or a tree
	Format   string      `json:"format"`
	Source   string      `json:"source,omitempty"`
	Receipt  object.Hash `json:"receipt"`
	Replayed bool        `json:"replayed"`
}

// evaluated is a measurement of a model.
type evaluated struct {
	Model    object.Hash      `json:"model"`
	Suite    object.Hash      `json:"suite"`
	Examples uint64           `json:"examples"`
	Metrics  map[string]int64 `json:"metrics"`
	Receipt  object.Hash      `json:"receipt"`
	Replayed bool             `json:"replayed"`
}

// vouched is an attested evaluation.
type vouched struct {
	Report  object.Hash      `json:"report"`
	Metric  object.Hash      `json:"metric"` // the EvalMetric attestation
	Pass    object.Hash      `json:"pass"`   // the EvalPass attestation
	Result  uint16           `json:"result"`
	Metrics map[string]int64 `json:"metrics"`
}

// signedOff is a model that was signed off or objected to.
type signedOff struct {
	Attestation object.Hash `json:"attestation"`
}

// promoted is a promotion or a rollback.
type promoted struct {
	Promotion object.Hash `json:"promotion"`
	Model     object.Hash `json:"model"`
	Ring      uint8       `json:"ring"`
}

// inForce is a policy that came into force.
type inForce struct {
	Ring     uint8        `json:"ring"`
	Policy   object.Hash  `json:"policy"`
	Previous *object.Hash `json:"previous,omitempty"` // the previous policy
}

// held is a ring that was frozen or thawed.
type held struct {
	Hold   object.Hash `json:"hold"`
	Frozen bool        `json:"frozen"`
}

// modelLine is a stored model.
type modelLine struct {
	Model   object.Hash `json:"model"`
	Weights object.Hash `json:"weights"`
	Rings   string      `json:"rings"` // rings that have it

	Parent      *object.Hash `json:"parent,omitempty"`
	Trainings   int          `json:"trainings"`
	Imports     int          `json:"imports"` // of a model that was trained elsewhere
	Evaluations int          `json:"evaluations"`
	Promotions  int          `json:"promotions"`
}

// verified is a valid in-toto statement.
type verified struct {
	Model  string  `json:"model"`
	ID     string  `json:"id"`   // of the object inside
	Kind   string  `json:"kind"` // ModelRef or Attestation
	Claim  string  `json:"claim,omitempty"`
	By     string  `json:"by,omitempty"` // the attesting agent: a public key
	Result *uint16 `json:"result,omitempty"`
	Signer string  `json:"signer"` // of the envelope: a public key
}

// policyLine is a stored policy.
type policyLine struct {
	Policy  object.Hash `json:"policy"`
	Name    string      `json:"name"`
	Ring    uint8       `json:"ring"`
	By      string      `json:"by"` // a public key
	Time    object.Time `json:"time"`
	InForce bool        `json:"in_force"`
}

// logLine is an event of a ring.
type logLine struct {
	Promotion object.Hash `json:"promotion"`
	Model     object.Hash `json:"model"`
	Ring      uint8       `json:"ring"`
	Policy    object.Hash `json:"policy"`
	Sequence  uint64      `json:"sequence"` // number in the ring's history, from 1
	Action    string      `json:"action"`
	Time      object.Time `json:"time"`
	By        string      `json:"by"` // a public key
	Reason    *string     `json:"reason,omitempty"`
}

var (
	recipeResults   = cmdutil.Results{"add": cmdutil.Document(added{}), "check": cmdutil.Document(checked{})}
	suiteResults    = cmdutil.Results{"add": cmdutil.Document(added{})}
	policyResults   = cmdutil.Results{"add": cmdutil.Document(added{}), "set": cmdutil.Document(inForce{}), "ls": cmdutil.JSONLines(policyLine{}), "show": cmdutil.Document(model.PolicyDef{})}
	trainResults    = cmdutil.Results{"": cmdutil.Document(trained{})}
	evalResults     = cmdutil.Results{"": cmdutil.Document(evaluated{})}
	attestResults   = cmdutil.Results{"": cmdutil.Document(vouched{}, signedOff{})}
	promoteResults  = cmdutil.Results{"": cmdutil.Document(promoted{}, []judge.Condition{})}
	rollbackResults = cmdutil.Results{"": cmdutil.Document(promoted{})}
	ringResults     = cmdutil.Results{"freeze": cmdutil.Document(held{}), "thaw": cmdutil.Document(held{})}
	modelResults    = cmdutil.Results{"import": cmdutil.Document(imported{}), "ls": cmdutil.JSONLines(modelLine{}), "show": cmdutil.Document(why.Lineage{}), "log": cmdutil.JSONLines(logLine{}), "export": cmdutil.Bytes(), "verify": cmdutil.JSONLines(verified{})}
)
