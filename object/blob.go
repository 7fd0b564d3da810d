package object

// Codecs of a blob's stored bytes.
const (
	CodecRaw uint8 = iota
	CodecZstd
	CodecGzip
	CodecJPEG
	CodecPNG
	CodecJSONCBOR
	CodecParquet
)

// Encryption schemes of an EncryptRef.
const (
	EncryptAge uint8 = iota + 1
	EncryptAESGCM
	EncryptKMS
)

// EncryptRef says how a blob's stored bytes are encrypted.
type EncryptRef struct {
	Scheme    uint8  `can:"1,scheme"` // 1 age, 2 AES-256-GCM, 3 a key management service
	KeyHandle string `can:"2,key_handle"`
	Nonce     []byte `can:"3,nonce"`
	AAD       []byte `can:"4,aad,optional"`
	PlainHash *Hash  `can:"5,plain_hash"`
}

// ProvenanceRef says what a blob was made from, and by which code.
type ProvenanceRef struct {
	Parents      []Hash            `can:"1,parents"`
	Transform    string            `can:"2,transform"`
	Params       map[string]string `can:"3,params"`
	CodeHash     Hash              `can:"4,code_hash"`
	TimeObserved *Time             `can:"5,time_observed"`
}

// BlobRef is everything needed to fetch a blob and to check it.
type BlobRef struct {
	CID        Hash           `can:"1,cid"`
	Size       uint64         `can:"2,size"` // bytes as stored, after codec and encryption
	Media      string         `can:"3,media"`
	Codec      uint8          `can:"4,codec"`  // 0 raw, 1 zstd, 2 gzip, 3 JPEG, 4 PNG, 5 JSON as CBOR, 6 Parquet
	Chunks     uint32         `can:"5,chunks"` // 0: stored unchunked
	Encryption *EncryptRef    `can:"6,encryption"`
	Provenance *ProvenanceRef `can:"7,provenance"`
}

// Meta heads an IR bundle.
type Meta struct {
	Spec       string            `can:"1,spec"`
	Version    uint16            `can:"2,version"`
	CreatedAt  *Time             `can:"3,created_at"`
	Author     AgentID           `can:"4,author"`
	ArtifactID Hash              `can:"5,artifact_id"`
	Signatures []Signature       `can:"6,signatures"`
	Notes      *string           `can:"7,notes"`
	Extensions map[string][]byte `can:"8,extensions,optional"`
}
