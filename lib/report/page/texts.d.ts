// An import `with { type: 'text' }` yields the content of the file. The compiled binary contains it.
declare module '*.css' {
  const text: string
  export default text
}
declare module '*.js' {
  const text: string
  export default text
}
