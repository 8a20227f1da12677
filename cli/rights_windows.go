package cli

// moreRights is how a person gets the rights that a service needs.
const moreRights = "it needs an administrator: open the Start menu, type cmd, choose \"Run as administrator\", and write the command there"
