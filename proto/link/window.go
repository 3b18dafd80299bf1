package link

// maxWindow is the most credit of one stream direction, in bytes.
const maxWindow = 4 << 20
