// An import `with { type: 'text' }` yields the content of the file. The compiled binary contains it.
declare module '*.sql' {
  const text: string
  export default text
}
declare module '*.yml' {
  const text: string
  export default text
}
declare module '*.md' {
  const text: string
  export default text
}
declare module '*.py' {
  const text: string
  export default text
}
