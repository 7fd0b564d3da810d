package object

// Structs describes the structs of this package.
var Structs = []Struct{
	Define[Hash]("Hash", Rule{}),
	Define[AgentID]("AgentID", Rule{}),
	Define[Signature]("Signature", Rule{}),
	Define[Meta]("Meta", Rule{}),
	Define[EncryptRef]("EncryptRef", Rule{}),
	Define[ProvenanceRef]("ProvenanceRef", Rule{}),
	Define[BlobRef]("BlobRef", Rule{}),
	Define[TraceRef]("TraceRef", Rule{}),
	Define[EpisodeRef]("EpisodeRef", EpisodeRule),
}
