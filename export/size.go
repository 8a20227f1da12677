package export

// splitSize parts a size that has its width in it.
func splitSize(cell []byte) (size, width []byte, ok bool) { return cell, nil, false }
