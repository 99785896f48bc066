# SPDX-License-Identifier: Apache-2.0
# Copies a package's scripts and resources with their relative paths, compiles the scripts, installs the folder.
# Stricter than CTK in three things: unknown keywords, a script that does not compile, and two files with one target
# are errors.

macro(ctkMacroCompilePythonScript)
  _slicer_host_compile_python_script(${ARGN})
endmacro()

function(_slicer_host_compile_python_script)
  cmake_parse_arguments(MY "NO_INSTALL_SUBDIR;GLOBAL_TARGET" "TARGET_NAME;SOURCE_DIR;DESTINATION_DIR;INSTALL_DIR"
    "SCRIPTS;RESOURCES" ${ARGN})
  if(MY_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "ctkMacroCompilePythonScript: unknown arguments ${MY_UNPARSED_ARGUMENTS}")
  endif()
  foreach(name TARGET_NAME SCRIPTS DESTINATION_DIR INSTALL_DIR)
    if(NOT DEFINED MY_${name})
      message(FATAL_ERROR "${name} is mandatory")
    endif()
  endforeach()
  if(NOT DEFINED MY_SOURCE_DIR)
    set(MY_SOURCE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
  endif()

  set(scripts)
  foreach(file IN LISTS MY_SCRIPTS)
    if(NOT file MATCHES "\\.py")
      string(APPEND file ".py")
    endif()
    list(APPEND scripts "${file}")
  endforeach()
  _slicer_host_copy_files(copied_scripts Script ${scripts})
  _slicer_host_copy_files(copied_resources Resource ${MY_RESOURCES})

  set(compiled "${CMAKE_CURRENT_BINARY_DIR}/python_compile_${MY_TARGET_NAME}_complete")
  add_custom_command(OUTPUT "${compiled}" DEPENDS ${copied_scripts}
    COMMAND "${Python3_EXECUTABLE}" -m py_compile ${copied_scripts}
    COMMAND "${CMAKE_COMMAND}" -E touch "${compiled}"
    COMMENT "Compiling python scripts: ${MY_TARGET_NAME}")
  add_custom_target(Copy${MY_TARGET_NAME}PythonResourceFiles ALL DEPENDS ${copied_resources})
  add_custom_target(Compile${MY_TARGET_NAME}PythonFiles ALL DEPENDS "${compiled}")

  # A trailing slash installs what is in the folder, without the folder itself
  set(folder "${MY_DESTINATION_DIR}")
  if(MY_NO_INSTALL_SUBDIR)
    string(APPEND folder "/")
  endif()
  install(DIRECTORY "${folder}" DESTINATION "${MY_INSTALL_DIR}" COMPONENT RuntimeLibraries USE_SOURCE_PERMISSIONS)
endfunction()

# Adds a copying command for each file; the targets of the copies are returned in `result`
function(_slicer_host_copy_files result kind)
  set(targets)
  foreach(file IN LISTS ARGN)
    if(IS_ABSOLUTE "${file}")
      set(source "${file}")
      file(RELATIVE_PATH file "${CMAKE_CURRENT_BINARY_DIR}" "${source}")
    else()
      set(source "${MY_SOURCE_DIR}/${file}")
    endif()
    set(target "${MY_DESTINATION_DIR}/${file}")
    get_property(known GLOBAL PROPERTY _SLICER_HOST_COPIED)
    if("${target}" IN_LIST known)
      message(FATAL_ERROR "Two files would be copied to ${target}; in Slicer one would overwrite the other")
    endif()
    set_property(GLOBAL APPEND PROPERTY _SLICER_HOST_COPIED "${target}")
    add_custom_command(OUTPUT "${target}" DEPENDS "${source}"
      COMMAND "${CMAKE_COMMAND}" -E copy "${source}" "${target}"
      COMMENT "Copying python ${kind}: ${file}")
    list(APPEND targets "${target}")
  endforeach()
  set(${result} ${targets} PARENT_SCOPE)
endfunction()
