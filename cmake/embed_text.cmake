# Turns text files into a C table: cmake -DOUT=table.c "-DFILES=a.h|b.h" -P embed_text.cmake
# Each line becomes one string, because C limits the length of a literal.
string(REPLACE "|" ";" FILES "${FILES}")
set(tables "")
set(rows "")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\",\n    \"" text "${text}")
  string(APPEND tables "static const char *const ${name}[] = {\n    \"${text}\",\n    NULL,\n};\n\n")
  string(APPEND rows "    {\"${name}\", ${name}},\n")
endforeach()
file(WRITE "${OUT}" "/* Made from runtime/ by cmake/embed_text.cmake. */
#include \"codegen/emit.h\"

${tables}const RuntimeText runtime_texts[] = {\n${rows}    {NULL, NULL},\n};\n")
