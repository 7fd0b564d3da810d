package node

func (n *Node) learningBuiltins() {}
