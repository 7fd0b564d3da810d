package intoto

import (
	"encoding/json"
	"fmt"

	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// SealStatement puts an in-toto statement, as JSON, into a DSSE envelope signed by s.
func SealStatement(s sign.Signer, statement []byte) ([]byte, error) {
	sig, err := s.Sign(PAE(PayloadType, statement))
	if err != nil {
		return nil, fmt.Errorf("in-toto: %w", err)
	}
	return json.Marshal(Envelope{PayloadType, statement, []EnvelopeSignature{{s.Agent().KeyID().String(), sig[:]}}})
}

// OpenStatement verifies an envelope, which one of the agents must have signed. It returns the statement, as JSON, and
// that agent. Errors wrap ErrEnvelope.
func OpenStatement(data []byte, agents ...object.AgentID) ([]byte, object.AgentID, error) {
	var e Envelope
	if err := jsontext.Check(data); err != nil {
		return nil, object.AgentID{}, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, object.AgentID{}, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	if e.PayloadType != PayloadType || len(e.Signatures) > maxEnvelopeSignatures {
		return nil, object.AgentID{}, fmt.Errorf("%w: payload type %q, %d signatures", ErrEnvelope, e.PayloadType, len(e.Signatures))
	}
	signer, ok := signerOf(e, agents)
	if !ok {
		return nil, signer, fmt.Errorf("%w: no known agent signed it", ErrEnvelope)
	}
	if err := jsontext.Check(e.Payload); err != nil {
		return nil, signer, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	return e.Payload, signer, nil
}
