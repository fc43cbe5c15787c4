# Packs data files into the program. tools/pack-data.py concatenates them; an assembler file of the room
# includes the pack, so the bytes stay in the executable's file-backed pages until they are read.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# pl_embed(room pack-name source-directory file-pattern...)
function(pl_embed room pack directory)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${directory}/*)
  set(output ${CMAKE_BINARY_DIR}/packs/${pack}.pack)
  add_custom_command(OUTPUT ${output} ${CMAKE_BINARY_DIR}/packs/${pack}.S
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/pack-data.py ${CMAKE_SOURCE_DIR}/${directory}
            ${pack} ${CMAKE_BINARY_DIR}/packs
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/tools/pack-data.py VERBATIM)
  get_target_property(type room_${room} TYPE)
  if(NOT type STREQUAL INTERFACE_LIBRARY)
    set_source_files_properties(${CMAKE_BINARY_DIR}/packs/${pack}.S PROPERTIES
                                OBJECT_DEPENDS ${output} LANGUAGE ASM)
    target_sources(room_${room} PRIVATE ${CMAKE_BINARY_DIR}/packs/${pack}.S)
  endif()
endfunction()

pl_embed(catalogue catalogue catalogue)
pl_embed(store migrations src/store/migrations)
pl_embed(functions runtimes src/functions/runtimes)
