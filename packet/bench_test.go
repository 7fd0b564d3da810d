package packet

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// benchTurn is how many packets are received, and signatures verified, in turns, so that other load on the machine
// affects both alike.
const benchTurn = 64

// BenchmarkReceive takes small packets through all six steps, beside the bare Ed25519
// verifications of the same bytes. The goal is 10,000 packets a second on one processor,
// and 0.8 of the rate of the verifications: the metric of-ed25519.
func BenchmarkReceive(b *testing.B) {
	cb, recipient := benchCodebook(b), must(Recipient(bob.Agent()))
	for _, c := range []struct {
		name string
		o    Options
	}{
		{"codec1", Options{Signers: []sign.Signer{alice}}},
		{"codec2", Options{Signers: []sign.Signer{alice}, Codec: CodecZstd}},
		{"codebook", Options{Signers: []sign.Signer{alice}, Codec: CodecZstd, Codebook: cb}},
		{"signers2", Options{Signers: []sign.Signer{alice, eve}}},
		{"encrypted", Options{Signers: []sign.Signer{alice}, Encrypt: []age.Recipient{recipient}}},
	} {
		b.Run(c.name, func(b *testing.B) { benchReceive(b, c.o, cb) })
	}
}

func benchReceive(b *testing.B, o Options, cb *Codebook) {
	packets, signed := make([][]byte, benchTurn), make([]*Packet, benchTurn)
	for i := range packets {
		packets[i] = pack(b, o, bundle(b, byte(i), fmt.Sprint("hello ", i)))
		signed[i] = must(Parse(packets[i], Limits{}))
	}
	r := receiver(b)
	addAgreement(b, r, cb)
	r.Seen = func(context.Context, object.Hash, object.Time) (bool, error) { return true, nil } // remembering is the store's cost
	var received, verified time.Duration
	for b.Loop() {
		start := time.Now()
		for _, raw := range packets {
			if _, err := r.Receive(context.Background(), raw); err != nil {
				b.Fatal(err)
			}
		}
		between := time.Now()
		for _, p := range signed {
			bareVerify(b, p)
		}
		received, verified = received+between.Sub(start), verified+time.Since(between)
	}
	b.ReportMetric(float64(b.N)*benchTurn/received.Seconds(), "packets/s")
	b.ReportMetric(float64(b.N)*benchTurn/verified.Seconds(), "verifications/s")
	b.ReportMetric(verified.Seconds()/received.Seconds(), "of-ed25519")
	b.ReportMetric(float64(len(packets[0])), "bytes/packet")
	b.ReportMetric(0, "ns/op")
}

// bareVerify is crypto/ed25519 over what the signatures cover, and nothing else.
func bareVerify(b *testing.B, p *Packet) {
	for _, e := range p.Signatures {
		if !ed25519.Verify(e.Signer.Key[:], p.signed, e.Sig[:]) {
			b.Fatal("does not verify")
		}
	}
}

func benchCodebook(b *testing.B) *Codebook {
	var samples [][]byte
	for i := range 40 {
		samples = append(samples, bundle(b, byte(i), fmt.Sprint("a message like many others, this one has number ", i)))
	}
	cb, _, err := Train(samples, 2048)
	if err != nil {
		b.Fatal(err)
	}
	return cb
}

func addAgreement(b *testing.B, r *Receiver, cb *Codebook) {
	proposal := must(Propose(alice, cb, bob.Agent(), 3_000_000))
	if err := r.Codebooks.Add(cb, must(Accept(bob, proposal, cb, 1_000_000)), 1_000_000); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPack signs small packets, beside bare Ed25519 signatures of the same bytes.
func BenchmarkPack(b *testing.B) {
	r, payload := receiver(b), bundle(b, 1, "hello")
	trained := benchCodebook(b)
	addAgreement(b, r, trained)
	cb := must(r.Codebooks.Find(must(trained.ID())))
	for name, o := range map[string]Options{"codec1": {}, "codec2": {Codec: CodecZstd}, "codebook": {Codec: CodecZstd, Codebook: cb}} {
		o.Signers = []sign.Signer{alice}
		b.Run(name, func(b *testing.B) {
			var packed, signing time.Duration
			for b.Loop() {
				start := time.Now()
				var raw []byte
				for range benchTurn {
					raw = must(Pack(o, payload))
				}
				between := time.Now()
				for range benchTurn {
					must(alice.Sign(raw[:len(raw)-120]))
				}
				packed, signing = packed+between.Sub(start), signing+time.Since(between)
			}
			b.ReportMetric(float64(b.N)*benchTurn/packed.Seconds(), "packets/s")
			b.ReportMetric(signing.Seconds()/packed.Seconds(), "of-ed25519")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkParse is the first step alone.
func BenchmarkParse(b *testing.B) {
	raw := pack(b, Options{}, bundle(b, 1, "hello"))
	for b.Loop() {
		if _, err := Parse(raw, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTrain makes a codebook of 40 packets.
func BenchmarkTrain(b *testing.B) {
	var plain, baseline, trained int
	for b.Loop() {
		cb := benchCodebook(b)
		saving := Saving{}
		for i := range 10 {
			if err := saving.add(cb, bundle(b, byte(100+i), fmt.Sprint("a message that it was not made of, number ", i))); err != nil {
				b.Fatal(err)
			}
		}
		plain, baseline, trained = saving.Plain, saving.Baseline, saving.Trained
	}
	b.ReportMetric(float64(baseline)/float64(plain), "baseline/plain")
	b.ReportMetric(float64(trained)/float64(plain), "trained/plain")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
