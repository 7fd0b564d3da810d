// Package packet is MYTHOS-X: the framing in which agents exchange signed bundles (spec/wire.md). The payload is opaque
// here: this package executes nothing and reads only the replay guard in the payload's Meta.
//
// # Framing
//
// All integers are big-endian.
//
//	offset  size
//	0       4     "MYTH"
//	4       2     version, 2
//	6       2     flags: bit 0 payload is encrypted; all others zero
//	8       1     codec: 1 CAN bundle, 2 zstd of one
//	9       33    codebook: hash algorithm (1), digest
//	42      4     payload length n
//	46      n     payload
//	46+n    4     length m of the signature block
//	50+n    m     signature block: CAN list of SigBlockEntry
//
// Each signature is Ed25519 over the bytes from the magic through the last byte of the payload. Nobody signs the
// signature block itself: anyone can remove an entry. Entries are therefore written without hints, and hints are
// ignored on reading. No signer may appear twice.
//
// An encrypted payload is the CAN struct {1 EncryptRef, 2 ciphertext}: the output of the codec, encrypted with age.
// Signatures cover the encrypted bytes, so that they can be verified without the key.
//
// # Receiving
//
// Every field is hostile until it is checked. [Receiver.Receive] takes the steps in this order; each has its own error:
//
//  1. framing             [ErrFraming]
//  2. signatures, trust   [ErrSignature], [ErrUntrusted]
//  3. codebook            [ErrCodebook]
//  4. decrypt, decompress [ErrDecode]
//  5. the bundle itself   [ErrPayload]
//  6. replay guard        [ErrReplay], [ErrExpired], [ErrGuard]
//
// Signatures and trust come before anything is decoded, so that a stranger's packet costs no more than its own bytes.
// The guard comes last, so that only an accepted packet uses up its nonce. Only submission needs a guard: a receiver
// that just reads or verifies needs none.
//
// Every length is compared with a limit before it is believed, and memory grows with the bytes that arrive.
//
// # Codebooks
//
// A codebook maps 16-bit codewords to values that bundles use often, and may hold a zstd dictionary for codec 2. Its id
// is the hash of its canonical list of entries, or, with a dictionary, of the canonical struct {1 entries, 2
// dictionary}. [Baseline] is always known. Any other is refused unless a [CodebookAgreement] that both peers signed
// names it, and then it is good only for packets that the other peer signed.
package packet
