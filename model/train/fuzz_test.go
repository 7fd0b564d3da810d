package train

import (
	"bytes"
	"testing"
)

// FuzzResponses: an accepted response of a tool has the weights that it announces.
func FuzzResponses(f *testing.F) {
	f.Add([]byte("{\"op\":\"train\",\"format\":\"f\",\"weights_bytes\":1,\"weights_sha256\":\"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\",\"metrics\":{}}\na"))
	f.Add([]byte("{\"op\":\"eval\",\"examples\":1,\"metrics\":{\"accuracy_micro\":1}}\n"))
	f.Add([]byte("{\"op\":\"eval\",\"examples\":1,\"metrics\":{\"a\":1,\"a\":2}}\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, weights, err := ParseTrainResponse(body)
		if err == nil && (r.WeightsBytes != int64(len(weights)) || !bytes.HasSuffix(body, weights)) {
			t.Fatalf("%+v", r)
		}
		_, _ = ParseEvalResponse(body)
		ParseProgress(string(body))
	})
}
