package cli

// ownerHint is what to do about what belongs to somebody else.
func ownerHint(path string) string {
	return "rename it, as an administrator, and try again: what lies in it may be meant to harm. What you know to be yours in it can be copied back afterwards"
}

// moreRights is how a person gets the rights that a service needs.
const moreRights = "it needs an administrator: open the Start menu, type cmd, choose \"Run as administrator\", and write the command there"
