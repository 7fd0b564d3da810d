package exec

import "github.com/mythos-project/mythos/object"

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[ModuleRef]("ModuleRef", ModuleRule),
	object.Define[ModuleLimits]("ModuleLimits", object.Rule{}),
	object.Define[PinnedFile]("PinnedFile", object.Rule{}),
	object.Define[Tool]("Tool", object.Rule{}),
	object.Define[Policy]("ToolPolicy", object.Rule{}),
}
